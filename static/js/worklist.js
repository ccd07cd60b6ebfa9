// The worklist by keyboard (j and k walk through the rows, Enter opens one), and filters that need no button.
import { isTyping } from "./shortcuts.js";
import "./polling.js";

function walk(step) {
  const links = [...document.querySelectorAll(".worklist .row-link")];
  const here = links.indexOf(document.activeElement);
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : here + step;
  links[next]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    walk(event.key === "j" ? 1 : -1);
  }
});

for (const form of document.querySelectorAll("[data-submit-on-change]")) {
  form.classList.add("submits-itself");
  form.addEventListener("change", () => form.requestSubmit());
  // An empty field says nothing: it need not stand in the address.
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
  });
}
