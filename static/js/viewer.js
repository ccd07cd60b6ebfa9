// The photo on its grey stage: zoom and pan, change of photo, heat map.
//
// Wheel, pinch, double click, buttons; drag to move. Everything hangs on the document, because htmx may replace
// the stage and the AI card at any time. Without this script the photo is a picture and the strip is a row of links.

const MOST = 12; // times the fitted size
const FULL_FROM = 1.6; // from here on the original is worth its bytes
const SHOWABLE = new Set(["image/jpeg", "image/png", "image/webp"]);

const view = { scale: 1, x: 0, y: 0 };
const heat = { on: false, strength: 0.7, condition: "" };
const pointers = new Map();
let pinch = null;

const one = (name) => document.querySelector(`[data-${name}]`);

// --- Zoom and pan --------------------------------------------------------------------------------------------

function draw() {
  const picture = one("stage-picture");
  const stage = one("stage");
  if (!picture || !stage) return;
  const reachX = Math.max(0, (picture.offsetWidth * view.scale - stage.clientWidth) / 2);
  const reachY = Math.max(0, (picture.offsetHeight * view.scale - stage.clientHeight) / 2);
  view.x = Math.min(reachX, Math.max(-reachX, view.x));
  view.y = Math.min(reachY, Math.max(-reachY, view.y));
  picture.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  stage.classList.toggle("stage-zoomed", view.scale > 1.01);
  if (view.scale >= FULL_FROM) loadOriginal();
}

/** Zoom by `factor` so that what lies under the point (in client coordinates) stays there. */
function zoom(factor, clientX, clientY) {
  const stage = one("stage");
  if (!stage) return;
  const box = stage.getBoundingClientRect();
  const fromX = (clientX ?? box.left + box.width / 2) - (box.left + box.width / 2);
  const fromY = (clientY ?? box.top + box.height / 2) - (box.top + box.height / 2);
  const scale = Math.min(MOST, Math.max(1, view.scale * factor));
  const grown = scale / view.scale;
  view.x = fromX - (fromX - view.x) * grown;
  view.y = fromY - (fromY - view.y) * grown;
  view.scale = scale;
  draw();
}

function fit() {
  Object.assign(view, { scale: 1, x: 0, y: 0 });
  draw();
}

function current() {
  return document.querySelector(".filmstrip [aria-current]");
}

/** Put the full-resolution original in place of the small copy once it has arrived. */
function loadOriginal() {
  const photo = one("stage-photo");
  const link = current();
  if (!photo || !link || photo.dataset.original === link.dataset.full || !SHOWABLE.has(link.dataset.type)) return;
  photo.dataset.original = link.dataset.full;
  const original = new Image();
  original.src = link.dataset.full;
  original.decode().then(() => {
    if (photo.dataset.original === link.dataset.full) photo.src = original.src;
  }, () => {
    // The small copy stays: better a soft photo than none.
  });
}

document.addEventListener("wheel", (event) => {
  const stage = event.target.closest?.("[data-stage]");
  // A plain wheel scrolls the page until the photo was zoomed by hand; with Ctrl it always zooms (as pinch pads send).
  if (!stage || (!event.ctrlKey && view.scale <= 1.01)) return;
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
}, { passive: false });

document.addEventListener("dblclick", (event) => {
  if (!event.target.closest?.("[data-stage-picture]")) return;
  if (view.scale > 1.01) fit();
  else zoom(3, event.clientX, event.clientY);
});

document.addEventListener("pointerdown", (event) => {
  const stage = event.target.closest?.("[data-stage]");
  if (!stage || event.target.closest("button") || event.button) return;
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  if (view.scale > 1.01 || pointers.size > 1) stage.setPointerCapture(event.pointerId);
});
document.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  if (pointers.size === 2) {
    const [a, b] = [...pointers.values()];
    const now = { gap: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    if (pinch) zoom(now.gap / pinch.gap, now.x, now.y);
    pinch = now;
  } else if (view.scale > 1.01) {
    view.x += event.clientX - before.x;
    view.y += event.clientY - before.y;
    draw();
  }
});
for (const name of ["pointerup", "pointercancel"]) {
  document.addEventListener(name, (event) => {
    pointers.delete(event.pointerId);
    pinch = null;
  });
}
window.addEventListener("resize", draw);

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-zoom]");
  if (!button) return;
  if (button.dataset.zoom === "fit") fit();
  else zoom(button.dataset.zoom === "in" ? 1.5 : 1 / 1.5);
});

// --- Another photo -------------------------------------------------------------------------------------------

function show(link) {
  const photo = one("stage-photo");
  if (!photo || !link) return;
  for (const other of document.querySelectorAll(".filmstrip a")) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  delete photo.dataset.original;
  photo.width = link.dataset.width;
  photo.height = link.dataset.height;
  photo.alt = link.dataset.alt;
  photo.src = link.dataset.src;
  one("stage-caption").textContent = link.dataset.caption;
  const overlay = one("stage-heat");
  overlay.hidden = true;
  fit();
  window.history.replaceState(window.history.state, "", link.href);
  const address = `${document.getElementById("photos").dataset.opinionUrl}?photo=${link.dataset.photo}`;
  window.htmx.ajax("GET", address, { target: "#opinion", swap: "outerHTML" });
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest?.("[data-photo], [data-show-photo]");
  if (!link || link.tagName !== "A") return;
  const id = link.dataset.photo || link.dataset.showPhoto;
  const inStrip = document.querySelector(`.filmstrip a[data-photo="${CSS.escape(id)}"]`);
  if (!inStrip) return;
  event.preventDefault();
  show(inStrip);
});

// --- Heat map ------------------------------------------------------------------------------------------------

function drawHeat() {
  const overlay = one("stage-heat");
  const choice = one("heat-choice");
  if (!overlay) return;
  const wanted = Boolean(heat.on && choice);
  overlay.hidden = !wanted;
  if (choice) choice.hidden = !wanted;
  if (!wanted) return;
  const source = `${choice.dataset.heatUrl}?condition=${encodeURIComponent(heat.condition)}`;
  if (overlay.getAttribute("src") !== source) overlay.src = source;
  overlay.style.opacity = heat.strength;
}

/** Make a freshly arrived AI card follow what was chosen on the one before. */
function wireHeat() {
  const control = one("heat-control");
  const choice = one("heat-choice");
  if (control && choice) {
    control.hidden = false;
    control.querySelector("input").checked = heat.on;
    const select = choice.querySelector("select");
    const kept = [...select.options].some((option) => option.value === heat.condition);
    if (kept) select.value = heat.condition;
    heat.condition = select.value;
    choice.querySelector("input").value = Math.round(heat.strength * 100);
  }
  drawHeat();
}

document.addEventListener("input", (event) => {
  if (event.target.matches(".heat-switch")) heat.on = event.target.checked;
  else if (event.target.matches("[data-heat-condition]")) heat.condition = event.target.value;
  else if (event.target.matches("[data-heat-opacity]")) heat.strength = Number(event.target.value) / 100;
  else return;
  drawHeat();
});

// --- Start, and start again after a part was replaced ----------------------------------------------------------

function start() {
  const tools = one("stage-tools");
  if (tools) tools.hidden = false;
  const photo = one("stage-photo");
  if (photo && !photo.dataset.watched) {
    photo.dataset.watched = "yes";
    photo.addEventListener("error", () => { one("stage-failed").hidden = false; });
    photo.addEventListener("load", () => { one("stage-failed").hidden = true; });
    fit();
  }
  wireHeat();
}

heat.on = Boolean(document.querySelector(".heat-switch")?.checked); // somebody was quicker than this script
start();
document.addEventListener("htmx:afterSettle", start);
