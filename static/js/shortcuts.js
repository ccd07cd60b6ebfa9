// "/" moves to the search field, wherever one is not already typing.
// Other keys: put data-shortcut="n" on a link or button; the page decides which. While a dialog is open those rest, and
// its own act: data-dialog-key="1" on a field in it. Its form goes out by Ctrl+Enter with data-sent-by-key.
import { arrived } from "./arrival.js";

// A radio button or a switch keeps the focus after a click, and letters mean nothing to it.
const LETTERLESS = /^(radio|checkbox|button|submit|range|file)$/;

/** Whether a letter typed now would go into `target`. */
export function isTyping(target) {
  if (target.tagName === "INPUT") return !LETTERLESS.test(target.type);
  return target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName);
}

/**
 * Whether a single key may act on the page: nobody types, no question is open, and the person has not switched them off.
 *
 * A key that is held down acts once: "s" commits on one page and signs on the next.
 */
export function mayAct(event) {
  return isSingle(event) && !document.querySelector("dialog[open]");
}

function isSingle(event) {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return false;
  return !isTyping(event.target) && !("keysOff" in document.body.dataset);
}

document.addEventListener("keydown", (event) => {
  const dialog = document.querySelector("dialog[open]");
  if (!dialog) return;
  const form = dialog.querySelector("form[data-sent-by-key]");
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (!event.repeat) form.requestSubmit(form.querySelector("[type=submit]"));
    return;
  }
  const field = isSingle(event) && dialog.querySelector(`[data-dialog-key="${CSS.escape(event.key)}"]`);
  if (!field) return;
  event.preventDefault();
  field.focus();
  if (!isTyping(field)) field.click();
});

document.addEventListener("keydown", (event) => {
  if (!mayAct(event)) return;
  if (event.key === "/") {
    const search = document.getElementById("search");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
    return;
  }
  const wanted = () => document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (wanted()) {
    event.preventDefault();
    wanted().click();
  } else {
    // A page that was fetched ahead has its "Undo" a moment later than itself: a quick hand is not to press in vain.
    arrived.then(() => wanted()?.click());
  }
});
