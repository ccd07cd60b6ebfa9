// A page that was fetched ahead says that it is open now. The server reserves its case, or names the page to go to instead:
// another case has become more urgent, another reader was quicker, or something on this page has changed since.
import { painted } from "./shown.js";

// As long as a signature can be taken back.
const NOTE_SECONDS = 15;
const page = document.querySelector("[data-arrival-url]");

/** Resolves when the page on the screen is the reader's; at once where it came straight from the server. */
export const arrived = page ? arrive() : Promise.resolve();

async function arrive() {
  await painted;
  window.history.replaceState(window.history.state, "", window.location.pathname);
  const body = new FormData();
  body.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
  body.set("left", page.dataset.left);
  body.set("shows", page.dataset.shows);
  try {
    const answer = await fetch(page.dataset.arrivalUrl, { method: "POST", body, headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const { go, notes } = await answer.json();
    if (go) return leave(() => window.location.replace(go));
    show(notes);
    return undefined;
  } catch {
    // Signed out, or no connection: what the server says of the page itself is right.
    return leave(() => window.location.reload());
  }
}

/** What the server has to say, floating: the page stands already and is not to move. */
function show(notes) {
  const toasts = document.getElementById("toasts");
  toasts.insertAdjacentHTML("beforeend", notes);
  for (const note of toasts.querySelectorAll(".note")) window.setTimeout(() => note.remove(), NOTE_SECONDS * 1000);
}

/** Leaves the page; what waits for its arrival waits for ever. */
function leave(how) {
  how();
  return new Promise(() => {});
}
