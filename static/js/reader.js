// Reading by keyboard, agreeing with the AI, and the question before a risky discharge.
import { arrived } from "./arrival.js";
import { ask } from "./confirm.js";
import { isNotNow } from "./not-now.js";
import { notify } from "./notices.js";
import { isTyping, mayAct } from "./shortcuts.js";
import "./polling.js";

// So long nothing can be signed on a page that has just shown the AI's opinion: a second press of "s" was meant for the
// page before, and nobody reads so fast.
const REVEALED_MS = 400;
const since = performance.now();
const isJustRevealed = () => window.location.hash === "#opinion" && performance.now() - since < REVEALED_MS;

const form = document.querySelector("[data-read-form]");
const condition = form?.querySelector("[name=condition]");

document.querySelector("[data-focus-first]")?.focus();

// "Undo" is there for as long as the server allows it.
arrived.then(() => {
  for (const undo of document.querySelectorAll("[data-leaves-after]")) {
    window.setTimeout(() => undo.remove(), Number(undo.dataset.leavesAfter) * 1000);
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-open-dialog]");
  if (opener) document.getElementById(opener.dataset.openDialog).showModal();
});

// "Photos wanted" may be about the photo that is shown, and says before it is sent that something is to be said.
const request = document.querySelector("[data-photo-request]");

document.addEventListener("click", (event) => {
  const which = request?.querySelector("[name=photo]");
  const shown = document.querySelector(".filmstrip [aria-current]");
  if (!which || !shown || event.target.closest?.("[data-open-dialog]")?.dataset.openDialog !== request.parentElement.id) return;
  const { src, alt } = shown.querySelector("img");
  which.checked &&= which.value === shown.dataset.photo;
  which.value = shown.dataset.photo;
  Object.assign(request.querySelector("[data-shown-photo]"), { src, alt });
});

request?.addEventListener("submit", (event) => {
  if (event.submitter?.formMethod === "dialog") return;
  const ticked = [...request.querySelectorAll("[name=faults]:checked")].map((box) => box.value);
  const note = request.querySelector("[name=note]");
  const said = note.value.trim() || ticked.some((fault) => fault !== "other");
  request.querySelector("[data-nothing-said]").hidden = Boolean(said);
  if (said) return;
  event.preventDefault();
  (ticked.length ? note : request.querySelector("[name=faults]")).focus();
});

// Retry: the card looks again as soon as the server has queued it.
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.target.matches?.("[data-retry]")) return;
  window.htmx.trigger("#opinion", "retry");
});

// A card that came later may carry an urgent flag that the form did not know.
document.addEventListener("htmx:afterSettle", () => {
  if (form && document.querySelector("#opinion .ai-flag")) form.dataset.flagged = "yes";
});

/** To the first question that has no answer yet, so that the number and letter keys go on from there. */
function toFirstOpen() {
  const folded = form.closest("details");
  if (folded) folded.open = true;
  const open = ["certainty", "management"].find((name) => !form.querySelector(`[name=${name}]:checked`));
  const target = open ? form.querySelector(`[name=${open}]`) : document.querySelector('[type=submit][form="read-form"], #read-form [type=submit]');
  target.focus({ preventScroll: window.matchMedia("(min-width: 992px)").matches });
}

/** To another page, or to this one as it is now: an address that differs in nothing but its # would load nothing. */
function leave(address) {
  const next = new URL(address, window.location.href);
  if (next.pathname === window.location.pathname && next.search === window.location.search) {
    window.history.replaceState(window.history.state, "", next);
    window.location.reload();
  } else {
    window.location.assign(next);
  }
}

/** Which of the frequent conditions is chosen. */
function markQuick() {
  for (const pick of form.querySelectorAll(".quick-pick")) pick.setAttribute("aria-pressed", String(pick.dataset.pick === condition.value));
}

if (form) {
  markQuick();
  condition.addEventListener("change", markQuick);
  form.addEventListener("picked", markQuick);

  document.addEventListener("click", (event) => {
    const chosen = event.target.closest?.("[data-agree], [data-pick]");
    const code = chosen?.dataset.agree ?? chosen?.dataset.pick;
    if (!code || ![...condition.options].some((option) => option.value === code)) return;
    event.preventDefault();
    condition.value = code;
    condition.dispatchEvent(new Event("change", { bubbles: true }));
    toFirstOpen();
  });

  form.addEventListener("picked", (event) => {
    if (event.detail?.moveOn) toFirstOpen();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isTyping(event.target) && form.contains(event.target)) event.target.blur();
    if (!mayAct(event)) return;
    const acts = {
      r: () => {
        toFirstOpen(); // unfolds the form of a signed case
        (document.getElementById(`${condition.id}_text`) ?? condition).focus();
      },
      c: () => form.querySelector("[name=comment]").focus(),
      j: () => document.querySelector('[data-shortcut="n"]')?.click(),
      // Whoever came by a link from elsewhere has no case before this one.
      k: () => (document.referrer.startsWith(window.location.origin) ? window.history.back() : leave(form.dataset.list)),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });

  let confirmed = false;
  let sent = false;

  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault(); // the server would take a second click for the first; this saves it the question
      return;
    }
    if (event.submitter?.hasAttribute("data-commit")) {
      sent = true; // nothing is signed yet: the question about a discharge comes with the signature
      event.preventDefault();
      send(event.submitter);
      return;
    }
    if (isJustRevealed()) {
      event.preventDefault();
      return;
    }
    const discharges = form.querySelector("[name=management][value=discharge]").checked;
    const malignant = condition.selectedOptions[0]?.dataset.malignant;
    const asked = form.querySelector("[name=discharge_confirmed]");
    if (!discharges || confirmed || asked?.checked || !(malignant || form.dataset.flagged)) {
      sent = true;
      if (event.submitter?.value === "next") {
        event.preventDefault();
        send(event.submitter);
      }
      return;
    }
    event.preventDefault();
    const { submitter } = event;
    ask({
      title: form.dataset.askTitle,
      text: malignant ? form.dataset.askMalignant : form.dataset.askFlagged,
      action: form.dataset.askAction,
    }).then((yes) => {
      if (!yes) return;
      confirmed = true;
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "discharge_confirmed", value: "1" }));
      form.requestSubmit(submitter);
    });
  });

  /**
   * Commits or signs, and goes to the next page, which may be here already. Without a connection, or while the server is
   * at fault, this page stays as it is: a second try signs nothing twice. What the server will not take, it explains in a
   * page.
   */
  async function send(submitter) {
    const address = submitter.getAttribute("formaction") ?? form.action;
    form.dispatchEvent(new Event("signing"));
    try {
      const body = new FormData(form, submitter);
      const answer = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" } });
      if (isNotNow(answer.status)) {
        stay("failed");
        return;
      }
      // Whoever is signed out is led elsewhere.
      if (answer.ok && !answer.redirected && answer.headers.get("Content-Type")?.startsWith("application/json")) {
        leave((await answer.json()).next);
        return;
      }
    } catch {
      stay("offline");
      return;
    }
    if (submitter.name) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: submitter.name, value: submitter.value }));
    form.action = address;
    HTMLFormElement.prototype.submit.call(form);
  }

  /** Nothing came of it; the note says why, and the buttons are there again. */
  function stay(why) {
    sent = false;
    form.dispatchEvent(new Event("not-signed"));
    notify(document.getElementById("toasts").dataset[why], { seconds: 0 });
  }

  // Back from the next case: the page is as it was left, and may be signed again.
  window.addEventListener("pageshow", () => { sent = false; });
}
