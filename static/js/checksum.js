// SHA-256 as hexadecimal. Browsers offer it to secure pages only; a clinic's own network may be plain HTTP.

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** The checksum of an ArrayBuffer, as the server computes it. */
export async function sha256(buffer) {
  if (window.crypto.subtle) return hex(new Uint8Array(await window.crypto.subtle.digest("SHA-256", buffer)));
  return ownSha256(buffer);
}

/** The same in plain arithmetic (FIPS 180-4). */
export function ownSha256(buffer) {
  const [constants, state] = beginnings();
  const size = buffer.byteLength;
  const padded = new Uint8Array((((size + 8) >> 6) + 1) << 6);
  padded.set(new Uint8Array(buffer));
  padded[size] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(size / 0x20000000));
  view.setUint32(padded.length - 4, (size << 3) >>> 0);
  const words = new Uint32Array(64);
  for (let block = 0; block < padded.length; block += 64) mix(view, block, words, constants, state);
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => out.setUint32(4 * index, word));
  return hex(new Uint8Array(out.buffer));
}

const turn = (word, by) => (word >>> by) | (word << (32 - by));

function mix(view, block, words, constants, state) {
  for (let i = 0; i < 16; i += 1) words[i] = view.getUint32(block + 4 * i);
  for (let i = 16; i < 64; i += 1) {
    const [x, y] = [words[i - 15], words[i - 2]];
    words[i] = words[i - 16] + words[i - 7] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i += 1) {
    const one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + words[i];
    const two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    state[index] += word;
  });
}

/** The first 32 bits of the fractions of the first primes' cube roots, and of the first eight's square roots. */
function beginnings() {
  const primes = [];
  for (let number = 2; primes.length < 64; number += 1) {
    if (primes.every((prime) => number % prime)) primes.push(number);
  }
  const fraction = (root) => (root - Math.floor(root)) * 0x100000000;
  return [Uint32Array.from(primes, (n) => fraction(Math.cbrt(n))), Uint32Array.from(primes.slice(0, 8), (n) => fraction(Math.sqrt(n)))];
}
