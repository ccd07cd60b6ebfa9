// <time datetime="2026-01-05T10:42:00Z" data-relative>5 Jan, 10:42</time> becomes "3 min ago" and keeps up.
// The server's words stay as the title and for those without JavaScript.

const language = document.documentElement.lang || "en";
const words = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const STEPS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

function relative(moment) {
  const seconds = (moment - Date.now()) / 1000;
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  return words.format(0, "minute");
}

function refresh() {
  document.querySelectorAll("time[data-relative]").forEach((element) => {
    const moment = Date.parse(element.dateTime);
    if (Number.isNaN(moment)) return;
    if (!element.title) element.title = element.textContent.trim();
    element.textContent = relative(moment);
  });
}

refresh();
window.setInterval(refresh, 30_000);
document.addEventListener("htmx:load", refresh);
