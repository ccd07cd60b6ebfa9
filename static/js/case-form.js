// The page of a new or open case: one step at a time on a phone, a draft as soon as the first photo is chosen,
// and "Send" waits for photos that are still on their way. Without this script the form is sent as one piece.

const form = document.querySelector("[data-case-form]");
const uploader = form.querySelector("[data-uploader]").uploader;
const said = form.querySelector("[data-form-said]");
const words = form.dataset;

// --- One step at a time -----------------------------------------------------------------------------
const LAST = 3;
const steps = form.querySelector("[data-steps]");
const marks = form.querySelector("[data-step-marks]");
const back = form.querySelector("[data-back]");
const next = form.querySelector("[data-next]");

function goTo(step, { focus = true } = {}) {
  steps.dataset.step = step;
  marks.querySelectorAll("[data-go-to]").forEach((mark) => {
    if (Number(mark.dataset.goTo) === step) mark.setAttribute("aria-current", "step");
    else mark.removeAttribute("aria-current");
    mark.classList.toggle("step-past", Number(mark.dataset.goTo) < step);
  });
  back.hidden = step === 1;
  next.hidden = step === LAST;
  form.classList.toggle("on-last-step", step === LAST);
  if (focus) {
    steps.children[step - 1].focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  }
}

function firstStep() {
  const wrong = form.querySelector(".form-step .field-error");
  if (wrong) return [...steps.children].findIndex((step) => step.contains(wrong)) + 1;
  return form.querySelector('[name="case_id"]') ? 2 : LAST; // the patient is chosen already
}

marks.hidden = false;
marks.addEventListener("click", (event) => {
  const mark = event.target.closest("[data-go-to]");
  if (mark) goTo(Number(mark.dataset.goTo));
});
back.addEventListener("click", () => goTo(Number(steps.dataset.step) - 1));
next.addEventListener("click", () => goTo(Number(steps.dataset.step) + 1));
goTo(firstStep(), { focus: false });

// --- The draft --------------------------------------------------------------------------------------
const chosen = (name) => form.querySelector(`[name="${name}"]:checked, [name="${name}"][type="hidden"]`)?.value;

function lesionKnown() {
  const lesion = chosen("lesion");
  return lesion && (lesion !== "new" || Boolean(chosen("body_site")));
}

/** Save the draft and return the address that its photos go to; throws an Error with a sentence. */
async function makeDraft() {
  if (!lesionKnown()) throw new Error(words.choosePlace);
  const body = new FormData(form);
  body.delete("photos");
  let answer;
  try {
    const sent = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body });
    answer = await sent.json();
  } catch {
    throw new Error(words.notSaved);
  }
  if (!answer.upload_url) throw new Error(Object.values(answer.errors ?? {}).flat()[0] || words.notSaved);
  // From here on this page is about that draft: loading it again leads back to it.
  window.history.replaceState(null, "", answer.change_url);
  form.action = answer.change_url;
  form.querySelector('[name="seen"]').value = answer.seen;
  const now = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
  said.textContent = words.saved.replace("%s", now);
  return answer.upload_url;
}

uploader.prepare = makeDraft;
form.addEventListener("change", (event) => {
  if (!event.target.closest("[data-uploader]") && !uploader.address && lesionKnown()) uploader.work();
});
window.addEventListener("online", () => uploader.work());

// --- Sending ----------------------------------------------------------------------------------------
let leaving = null; // the button that was pressed while photos were on their way

function mayGo(button) {
  if (button?.value !== "send") return true;
  if (uploader.unsent) return complain(words.unsent);
  if (!uploader.arrived && lesionKnown()) return complain(words.noPhoto);
  return true;
}

function complain(sentence) {
  said.textContent = sentence;
  goTo(LAST, { focus: false });
  form.querySelector("[data-step-photos]").scrollIntoView({ block: "nearest" });
  return false;
}

form.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (uploader.busy && lesionKnown()) {
    event.preventDefault();
    leaving = button;
    said.textContent = words.waiting;
    uploader.work();
  } else if (!mayGo(button)) {
    event.preventDefault();
  }
});
form.addEventListener("uploads", () => {
  if (uploader.busy || !leaving) return;
  const button = leaving;
  leaving = null;
  form.requestSubmit(button);
});
