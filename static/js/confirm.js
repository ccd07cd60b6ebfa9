// Ask before doing what cannot be undone.
//
//   <button data-confirm="The photo and its result are removed." data-confirm-title="Remove this photo?"
//           data-confirm-action="Remove photo" data-confirm-typed="P-1042">
//
// Works on submit buttons, links and anything with hx-*; with data-confirm-typed the word must be typed.
// Without JavaScript the button simply acts, so the server must offer undo or ask again.

const dialog = document.getElementById("ask");
const answered = new WeakSet(); // elements whose question was just answered with yes

/** Ask a question; resolves to true when the person confirms. */
export function ask({ title, text, action, typed = "" }) {
  dialog.querySelector("[data-ask-title]").textContent = title;
  dialog.querySelector("[data-ask-text]").textContent = text;
  const yes = dialog.querySelector("[data-ask-yes]");
  yes.textContent = action || yes.dataset.label;
  const typedField = dialog.querySelector("[data-ask-typed]");
  const input = typedField.querySelector("input");
  typedField.hidden = !typed;
  typedField.querySelector("[data-ask-word]").textContent = typed;
  input.value = "";
  yes.disabled = Boolean(typed);
  input.oninput = () => {
    yes.disabled = input.value.trim() !== typed;
  };
  dialog.returnValue = "";
  dialog.showModal();
  if (typed) input.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function question(element) {
  return {
    title: element.dataset.confirmTitle || dialog.dataset.title,
    text: element.dataset.confirm,
    action: element.dataset.confirmAction,
    typed: element.dataset.confirmTyped,
  };
}

document.addEventListener(
  "click",
  (event) => {
    const element = event.target.closest("[data-confirm]");
    if (!element || !dialog || answered.delete(element)) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // htmx listens on the element itself and must not see this click
    ask(question(element)).then((yes) => {
      if (!yes) return;
      answered.add(element);
      element.click();
    });
  },
  true,
);
