// Parts of a page that ask for themselves again ([data-quiet-poll], with "retry" among their hx-trigger).
//
// When the server cannot be reached they try again later, without a floating note each time.
import { isNotNow } from "./not-now.js";

const LATER = 10_000;

function quietly(event) {
  const part = event.target.closest?.("[data-quiet-poll]");
  if (!part || event.detail.elt !== part) return;
  event.stopPropagation();
  const status = event.detail.xhr?.status ?? 0;
  if (status >= 400 && !isNotNow(status)) return; // gone, or not allowed any more: asking again changes nothing
  window.setTimeout(() => {
    if (part.isConnected) window.htmx.trigger(part, "retry");
  }, LATER);
}

for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.body.addEventListener(name, quietly); // beneath the document, where notices.js listens
}
