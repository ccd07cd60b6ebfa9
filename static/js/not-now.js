// Whether an answer tells of the line, the server or the moment, and not of what was asked: the same request may succeed
// a moment later. 408, 425 and 429 are said by a proxy or a limit; above 500 the server or what it needs is at fault.
const OF_THE_MOMENT = [408, 425, 429];

export function isNotNow(status) {
  return OF_THE_MOMENT.includes(status) || status >= 500;
}
