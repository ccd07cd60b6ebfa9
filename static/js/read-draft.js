// The unfinished read, saved with every change: the server has it, so that a crash or another machine loses nothing.
import { isNotNow } from "./not-now.js";

const SOON = 400; // ms after the last change
const AGAIN = 5000; // ms after a failure
const ON_ITS_WAY = 5000; // ms that what a page sent while it went away may need

const form = document.querySelector("[data-draft-url]");
const says = document.querySelector("[data-draft-state]");
const version = form.querySelector("[name=draft_version]");
const FIELDS = ["condition", "certainty", "management", "comment", "draft_version", "csrfmiddlewaretoken"];

let timer = 0;
let saving = false;
let changed = false;
let stopped = false; // signed, or another window has a newer one

function say(text) {
  // Said once: a screen reader need not hear it with every letter.
  if (says && says.textContent !== text) says.textContent = text;
}

function body() {
  const sent = new FormData();
  const data = new FormData(form);
  for (const name of FIELDS) sent.set(name, data.get(name) ?? "");
  return sent;
}

/** The draft's version when a save that may still be on its way has arrived. */
function versionAhead() {
  return Number(version.value) + (saving ? 1 : 0);
}

function bodyBehind() {
  const sent = body();
  sent.set("draft_version", versionAhead());
  return sent;
}

async function save() {
  window.clearTimeout(timer);
  if (saving || stopped || !changed) return;
  saving = true;
  changed = false;
  let wait = SOON;
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
      wait = AGAIN;
      say(form.dataset.draftFault);
    } else if (answer.ok) {
      version.value = words.version;
      // Never "saved" over what was typed meanwhile.
      if (!changed) say(`${form.dataset.draftSaved} ${words.time}`);
    } else {
      stopped = true; // asking again would change nothing; the sentence says what to do
      say(words.error ?? form.dataset.draftRefused);
    }
  } catch {
    changed = true;
    wait = AGAIN;
    say(form.dataset.draftFailed);
  }
  saving = false;
  if (changed && !stopped) timer = window.setTimeout(save, wait);
}

function later() {
  changed = true;
  if (!stopped) say(form.dataset.draftSaving);
  window.clearTimeout(timer);
  if (!saving) timer = window.setTimeout(save, SOON);
}

for (const name of ["input", "change", "picked"]) form.addEventListener(name, later);

// What was typed in the last instant goes out as the page does; after signing there is nothing left to keep.
window.addEventListener("pagehide", () => {
  if (stopped || !(changed || saving)) return;
  if (changed) navigator.sendBeacon(form.dataset.draftUrl, bodyBehind());
  const version = versionAhead() + (changed ? 1 : 0);
  sessionStorage.setItem(form.dataset.draftUrl, JSON.stringify({ version, at: Date.now() }));
});

// A reload can overtake it: then this page shows the draft before, and is asked for again.
const sent = JSON.parse(sessionStorage.getItem(form.dataset.draftUrl) ?? "null");
if (sent && sent.version > Number(version.value) && Date.now() - sent.at < ON_ITS_WAY) {
  form.inert = true;
  say(form.dataset.draftSaving);
  window.setTimeout(() => window.location.reload(), SOON);
} else {
  sessionStorage.removeItem(form.dataset.draftUrl);
}
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
