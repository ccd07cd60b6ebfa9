// The unfinished read, saved with every change: the server has it, so that a crash or another machine loses nothing.
import { isNotNow } from "./not-now.js";

const SOON = 400; // ms after the last change
const AGAIN = 5000; // ms after a failure

const form = document.querySelector("[data-draft-url]");
const says = document.querySelector("[data-draft-state]");
const version = form.querySelector("[name=draft_version]");
const FIELDS = ["condition", "certainty", "management", "comment", "draft_version", "csrfmiddlewaretoken"];

let timer = 0;
let saving = false;
let changed = false;
let stopped = false; // signed, or another window has a newer one

function say(text) {
  if (says) says.textContent = text;
}

function body() {
  const sent = new FormData();
  const data = new FormData(form);
  for (const name of FIELDS) sent.set(name, data.get(name) ?? "");
  return sent;
}

/** What stands in the form after a save that is still on its way: that one will have made the next version. */
function bodyBehind() {
  const sent = body();
  if (saving) sent.set("draft_version", Number(version.value) + 1);
  return sent;
}

async function save() {
  window.clearTimeout(timer);
  if (saving || stopped || !changed) return;
  saving = true;
  changed = false;
  say(form.dataset.draftSaving);
  try {
    // Goes on though the page goes away.
    const options = { method: "POST", body: body(), headers: { Accept: "application/json" }, keepalive: true };
    const answer = await fetch(form.dataset.draftUrl, options);
    const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
    const words = isJson ? await answer.json() : {};
    if (answer.redirected || answer.status === 401 || answer.status === 403) {
      stopped = true; // led to the sign-in
      say(words.error ?? form.dataset.draftSignedOut);
    } else if (isNotNow(answer.status) || (answer.ok && !isJson)) {
      changed = true;
      say(form.dataset.draftFault);
    } else if (answer.ok) {
      version.value = words.version;
      say(`${form.dataset.draftSaved} ${words.time}`);
    } else {
      stopped = true; // asking again would change nothing; the sentence says what to do
      say(words.error ?? form.dataset.draftRefused);
    }
  } catch {
    changed = true;
    say(form.dataset.draftFailed);
  }
  saving = false;
  if (changed && !stopped) timer = window.setTimeout(save, AGAIN);
}

function later() {
  changed = true;
  window.clearTimeout(timer);
  if (!saving) timer = window.setTimeout(save, SOON);
}

for (const name of ["input", "change", "picked"]) form.addEventListener(name, later);

// What was typed in the last instant goes out as the page does; after signing there is nothing left to keep.
window.addEventListener("pagehide", () => {
  if (changed && !stopped) navigator.sendBeacon(form.dataset.draftUrl, bodyBehind());
});
form.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  stopped = true;
  window.clearTimeout(timer);
});
// Signed by a script: the same, unless the signature did not reach the server.
form.addEventListener("signing", () => {
  stopped = true;
  window.clearTimeout(timer);
});
form.addEventListener("not-signed", () => {
  stopped = false;
  if (changed) later();
});
window.addEventListener("pageshow", () => { stopped = false; });
window.addEventListener("online", save);
