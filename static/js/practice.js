// Practice by the keys of the case page: numbers choose, s goes on, a takes the AI's condition, r searches another.
import { isTyping, mayAct } from "./shortcuts.js";

const form = document.querySelector("[data-practice-form]");
const condition = form?.querySelector("[name=condition]");

function markQuick() {
  for (const pick of form.querySelectorAll(".quick-pick")) pick.setAttribute("aria-pressed", String(pick.dataset.pick === condition.value));
}

if (form) {
  markQuick();
  condition.addEventListener("change", markQuick);
  form.addEventListener("picked", markQuick);

  form.addEventListener("click", (event) => {
    const code = event.target.closest("[data-pick]")?.dataset.pick;
    if (!code || ![...condition.options].some((option) => option.value === code)) return;
    condition.value = code;
    condition.dispatchEvent(new Event("change", { bubbles: true }));
    form.querySelector("[type=submit]").focus();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isTyping(event.target) && form.contains(event.target)) event.target.blur();
    if (event.key !== "r" || !mayAct(event)) return;
    event.preventDefault();
    (document.getElementById(`${condition.id}_text`) ?? condition).focus();
  });
}
