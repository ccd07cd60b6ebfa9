// A list of conditions becomes a search over names, codes, ICD-10 and synonyms.
//
// <select data-condition-picker> stays the truth and is what is sent; a text field with a list of suggestions
// (the combobox pattern of the ARIA authoring practices) chooses in it. Without this script the list is used.

const MOST_SHOWN = 8;

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const wordsOf = (text) => plain(text).split(/[^\p{L}\p{N}.]+/u).filter(Boolean);

/** How well `option` answers the typed words: 0 not at all, more is better. */
function score(option, typed) {
  const hits = typed.every((word) => option.words.some((own) => own.startsWith(word)));
  if (!hits) return 0;
  const whole = typed.join(" ");
  if (option.exact.includes(whole)) return 4;
  if (option.name.startsWith(whole)) return 3;
  return option.nameWords.some((own) => own.startsWith(typed[0])) ? 2 : 1;
}

class ConditionPicker {
  constructor(select) {
    this.select = select;
    this.options = [...select.options].filter((option) => option.value).map((option) => ({
      value: option.value,
      label: option.textContent.trim(),
      also: option.dataset.also,
      name: plain(option.textContent.split("·")[0].trim()),
      nameWords: wordsOf(option.textContent),
      words: wordsOf(`${option.textContent} ${option.dataset.words}`),
      exact: [plain(option.value), ...plain(option.dataset.words).split(" ")],
    }));
    this.build();
    this.show();
  }

  build() {
    const { select } = this;
    this.input = document.createElement("input");
    this.list = document.createElement("ul");
    const box = document.createElement("div");
    box.className = "picker";
    this.list.id = `${select.id}_options`;
    this.list.className = "picker-list";
    this.list.setAttribute("role", "listbox");
    this.list.hidden = true;
    const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    this.list.setAttribute("aria-label", label?.textContent.trim() ?? "");
    Object.assign(this.input, { type: "text", id: `${select.id}_text`, autocomplete: "off", spellcheck: false, required: select.required });
    this.input.placeholder = select.dataset.placeholder;
    const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id };
    for (const [name, value] of Object.entries(attributes)) this.input.setAttribute(name, value);
    for (const name of ["aria-describedby", "aria-invalid"]) {
      if (select.hasAttribute(name)) this.input.setAttribute(name, select.getAttribute(name));
    }
    label?.setAttribute("for", this.input.id);
    document.querySelectorAll(`a[href="#${CSS.escape(select.id)}"]`).forEach((link) => { link.hash = this.input.id; });
    select.required = false;
    select.hidden = true;
    select.before(box);
    box.append(this.input, this.list);
    this.input.addEventListener("input", () => { this.clear(); this.open(); });
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("blur", () => { this.close(); this.settle(); });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("click", () => this.open());
    // mousedown, because blur would close the list before a click arrives.
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const item = event.target.closest("[role=option]");
      if (item) this.choose(item.dataset.value);
    });
    select.addEventListener("change", () => this.show());
  }

  /** The field says what the list holds. */
  show() {
    const chosen = this.select.selectedOptions[0];
    this.input.value = chosen?.value ? chosen.textContent.trim() : "";
    this.input.setCustomValidity("");
  }

  clear() {
    if (!this.select.value) return;
    this.select.value = "";
    this.select.dispatchEvent(new Event("picked", { bubbles: true }));
  }

  /** What was typed in full is chosen; what is no condition is said so when the form is sent. */
  settle() {
    if (this.select.value || !this.input.value.trim()) {
      this.input.setCustomValidity("");
      return;
    }
    const found = this.matches();
    if (found.length === 1) this.choose(found[0].value, false);
    else this.input.setCustomValidity(this.select.options[0].textContent.trim());
  }

  matches() {
    const typed = this.select.value ? [] : wordsOf(this.input.value);
    if (!typed.length) return this.options;
    return this.options
      .map((option) => [score(option, typed), option])
      .filter(([points]) => points)
      .sort(([a], [b]) => b - a)
      .map(([, option]) => option);
  }

  open() {
    this.found = this.matches();
    const shown = wordsOf(this.input.value).length && !this.select.value ? this.found.slice(0, MOST_SHOWN) : this.found;
    this.list.replaceChildren(...shown.map((option, position) => {
      const item = document.createElement("li");
      item.id = `${this.list.id}_${position}`;
      item.dataset.value = option.value;
      item.setAttribute("role", "option");
      item.textContent = option.label;
      if (option.also) {
        const also = document.createElement("span");
        also.className = "picker-also";
        also.textContent = option.also;
        item.append(also);
      }
      return item;
    }));
    this.list.hidden = !shown.length;
    this.input.setAttribute("aria-expanded", String(shown.length > 0));
    this.list.scrollIntoView({ block: "nearest" });
    const here = shown.findIndex((option) => option.value === this.select.value);
    this.mark(here >= 0 ? here : 0);
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  mark(position) {
    const items = [...this.list.children];
    if (!items.length) return;
    this.position = (position + items.length) % items.length;
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === this.position)));
    this.input.setAttribute("aria-activedescendant", items[this.position].id);
    items[this.position].scrollIntoView({ block: "nearest" });
  }

  choose(value, moveOn = true) {
    this.select.value = value;
    this.select.dispatchEvent(new Event("change", { bubbles: true }));
    this.close();
    if (moveOn) this.select.dispatchEvent(new CustomEvent("picked", { bubbles: true, detail: { moveOn: true } }));
  }

  key(event) {
    const isOpen = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (isOpen) this.mark(this.position + (event.key === "ArrowDown" ? 1 : -1));
      else this.open();
    } else if (event.key === "Enter" && isOpen) {
      event.preventDefault();
      const item = this.list.children[this.position];
      if (item) this.choose(item.dataset.value);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (isOpen) this.close();
      else this.input.blur();
    }
  }
}

for (const select of document.querySelectorAll("select[data-condition-picker]")) new ConditionPicker(select);
