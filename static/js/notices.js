// Short floating notes: what was saved, and what did not reach the server.
//
//   notify("Saved 10:42")                                  from a page script
//   HX-Trigger: {"notice": {"text": "Saved 10:42"}}        from the server, with any htmx answer

const place = document.getElementById("toasts");

/** Show one sentence; it leaves by itself after `seconds` (0: stays until closed). */
export function notify(text, { seconds = 6 } = {}) {
  const template = document.getElementById("toast-template");
  if (!place || !template) return;
  const note = template.content.firstElementChild.cloneNode(true);
  note.querySelector("[data-notice-text]").textContent = text;
  note.querySelector("button").addEventListener("click", () => note.remove());
  place.append(note);
  if (seconds) window.setTimeout(() => note.remove(), seconds * 1000);
}

document.addEventListener("notice", (event) => notify(event.detail.text, event.detail));

if (place) {
  document.addEventListener("htmx:sendError", () => notify(place.dataset.offline, { seconds: 0 }));
  document.addEventListener("htmx:timeout", () => notify(place.dataset.offline, { seconds: 0 }));
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    notify(status === 403 ? place.dataset.forbidden : place.dataset.failed, { seconds: 0 });
  });
}
