// This case is reserved for its reader while the page is open: renewed every minute, let go when the page closes.
import { arrived } from "./arrival.js";
import { notify } from "./notices.js";

const EVERY = 60_000;
const place = document.querySelector("[data-reserve-url]");
const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;
let token = "";
let told = "";

function body(more = {}) {
  const sent = new FormData();
  for (const [name, value] of Object.entries({ csrfmiddlewaretoken: csrf, token, ...more })) sent.set(name, value);
  return sent;
}

async function renew() {
  if (document.visibilityState === "hidden" && token === "") return;
  try {
    const answer = await fetch(place.dataset.reserveUrl, { method: "POST", body: body(), headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const words = await answer.json();
    token = words.token ?? "";
    // The page says it from the start when it was so then; this is for whoever came in between.
    if (words.other && words.other !== told && !document.querySelector(".page-body > .note-warning")) notify(words.other);
    told = words.other ?? "";
  } catch {
    // No connection: the next minute tries again, and the reservation lasts some minutes.
  }
}

arrived.then(() => {
  renew();
  window.setInterval(renew, EVERY);
});
window.addEventListener("pagehide", () => {
  if (token) navigator.sendBeacon(place.dataset.reserveUrl, body({ release: "1" }));
});
