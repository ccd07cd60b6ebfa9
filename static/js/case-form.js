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
  const wrong = form.querySelector(".form-step .field-error:not([hidden])");
  if (wrong) return [...steps.children].findIndex((step) => step.contains(wrong)) + 1;
  return 2; // the patient is chosen already
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
  if (!form.querySelector('[name="lesion"]')) return true; // a case that waits keeps its lesion
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
    const sent = await fetch(form.getAttribute("action"), { method: "POST", headers: { Accept: "application/json" }, body });
    answer = await sent.json();
  } catch {
    throw new Error(words.notSaved);
  }
  if (!answer.upload_url) throw new Error(Object.values(answer.errors ?? {}).flat()[0] || words.notSaved);
  // From here on this page is about that draft: loading it again leads back to it.
  window.history.replaceState(null, "", answer.change_url);
  form.setAttribute("action", answer.change_url); // `form.action` would be the buttons of that name
  form.querySelector('[name="seen"]').value = answer.seen;
  say(words.saved.replace("%s", answer.time));
  return answer.upload_url;
}

uploader.prepare = makeDraft;
form.addEventListener("change", (event) => {
  if (event.target.closest("[data-uploader]") || !lesionKnown()) return;
  lesionWanted.hidden = true;
  if (!uploader.address) uploader.work();
});
window.addEventListener("online", () => uploader.work());

// --- Saving and sending -------------------------------------------------------------------------------
const lesionWanted = form.querySelector("[data-lesion-wanted]");
let leaving = null; // the button that was pressed while photos were on their way

function say(sentence, { problem = false } = {}) {
  said.textContent = sentence;
  said.classList.toggle("said-problem", problem);
}

/** Why the form cannot go yet: [sentence, step, element to stand at], or null. */
function obstacle(button) {
  if (!lesionKnown()) {
    const wanted = chosen("lesion") === "new" ? "body_site" : "lesion";
    return [words.chooseLesion, 2, form.querySelector(`[name="${wanted}"]`)];
  }
  if (button?.value !== "send") return null;
  const photos = form.querySelector("[data-uploader-files]");
  if (uploader.unsent) return [words.unsent, LAST, photos];
  if (!uploader.busy && !uploader.arrived) return [words.noPhoto, LAST, photos];
  return null;
}

form.addEventListener("submit", (event) => {
  const button = event.submitter;
  const [sentence, step, element] = obstacle(button) ?? [];
  if (sentence) {
    event.preventDefault();
    say(sentence, { problem: true });
    lesionWanted.hidden = step !== 2;
    goTo(step, { focus: false });
    element.focus();
  } else if (uploader.busy) {
    event.preventDefault();
    leaving = button;
    say(words.waiting);
    uploader.work();
  }
});
form.addEventListener("uploads", () => {
  if (uploader.busy || !leaving) return;
  const button = leaving;
  leaving = null;
  form.requestSubmit(button);
});
