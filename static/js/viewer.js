// The case's photos in a viewer: zoom, turn, light, another photo, heat map, measuring, another visit beside or over it.
//
// Everything hangs on the document, because htmx may replace the photos and the AI card at any time. Without this
// script the photo is a picture and the strip is a row of links.
import { Compare } from "./viewer/compare.js";
import { Measure } from "./viewer/measure.js";
import { fit, makePane, photoOf, pixelForPixel, source, zoomBy } from "./viewer/pane.js";
import { painted } from "./shown.js";
import { isTyping, mayAct } from "./shortcuts.js";

const heat = { on: false, strength: 0.7, condition: "" };
let here = null; // the stage that is on the page: { stage, pane, measure, compare, overlay }

const one = (name) => document.querySelector(`[data-${name}]`);
// A page of one photo has no strip.
const current = () => document.querySelector(".filmstrip [aria-current]") ?? one("stage-photo");

// --- The stage -----------------------------------------------------------------------------------------------

function build(stage) {
  here?.compare.clear();
  here?.pane.destroy();
  const pane = makePane(stage.querySelector("[data-stage-canvas]"));
  here = { stage, pane, overlay: null };
  const scale = stage.querySelector("#panel-measure");
  here.measure = scale && new Measure(stage.querySelector("[data-measure]"), scale, pane, current);
  here.compare = new Compare(stage, pane, current);
  pane.addHandler("tile-drawn", () => stage.classList.add("stage-live"));
  pane.addHandler("tile-load-failed", ({ tile }) => {
    // Without the original the small copy stays: better a soft photo than none.
    if (tile.level === 0) one("stage-failed").hidden = false;
  });
  pane.addHandler("open", drawHeat);
  for (const button of document.querySelectorAll("[data-compare]")) button.hidden = false;
  one("stage-tools").hidden = false;
  one("stage-panels").hidden = false;
  pane.open(source(photoOf(current())));
}

function show(link) {
  const photo = one("stage-photo");
  if (!here || !photo || !link) return;
  for (const other of document.querySelectorAll(".filmstrip a")) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  // The picture beneath the viewer stands in until the viewer has drawn.
  here.stage.classList.remove("stage-live");
  Object.assign(photo, { width: link.dataset.width, height: link.dataset.height, alt: link.dataset.alt, src: link.dataset.src });
  one("stage-caption").textContent = link.dataset.caption;
  one("stage-failed").hidden = true;
  openPanel("");
  here.overlay = null;
  here.pane.viewport?.setRotation(0, true);
  here.pane.open(source(photoOf(link)));
  window.history.replaceState(window.history.state, "", link.href);
  const address = `${document.getElementById("photos").dataset.opinionUrl}?photo=${link.dataset.photo}`;
  window.htmx.ajax("GET", address, { target: "#opinion", swap: "outerHTML" });
}

function step(by) {
  const links = [...document.querySelectorAll(".filmstrip a")];
  const next = links[links.indexOf(current()) + by];
  if (!next) return;
  show(next);
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// --- Buttons and panels ----------------------------------------------------------------------------------------

function openPanel(name) {
  for (const button of here.stage.querySelectorAll("[data-panel]")) {
    const open = button.dataset.panel === name;
    button.setAttribute("aria-expanded", String(open));
    here.stage.querySelector(`#panel-${button.dataset.panel}`).hidden = !open;
  }
  here.stage.dataset.open = name;
  here.measure?.toggle(name === "measure");
  if (here.compare.on !== (name === "compare")) here.compare.toggle(name === "compare");
}

function light() {
  for (const input of here.stage.querySelectorAll("[data-light]")) {
    here.stage.style.setProperty(`--${input.dataset.light}`, `${input.value}%`);
  }
}

const acts = {
  in: () => zoomBy(here.pane, 1.5),
  out: () => zoomBy(here.pane, 1 / 1.5),
  fit: () => here.pane.viewport.goHome(),
  pixels: () => pixelForPixel(here.pane, photoOf(current())),
  left: () => here.pane.viewport.setRotation(here.pane.viewport.getRotation() - 90),
  right: () => here.pane.viewport.setRotation(here.pane.viewport.getRotation() + 90),
  screen: () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.getElementById("photos").requestFullscreen?.();
  },
  reset: () => {
    for (const input of here.stage.querySelectorAll("[data-light]")) input.value = 100;
    light();
    openPanel("");
    fit(here.pane);
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-view], [data-panel], [data-compare]");
  if (!button || !here) return;
  const { view, panel, compare } = button.dataset;
  if (view) acts[view]();
  else if (panel) openPanel(here.stage.dataset.open === panel ? "" : panel);
  else {
    openPanel("compare");
    here.compare.toggle(true, compare);
    here.stage.scrollIntoView({ block: "nearest" });
  }
});

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || !here) return;
  const link = event.target.closest?.("[data-photo], [data-show-photo]");
  if (!link || link.tagName !== "A") return;
  const id = link.dataset.photo || link.dataset.showPhoto;
  const inStrip = document.querySelector(`.filmstrip a[data-photo="${CSS.escape(id)}"]`);
  if (!inStrip) return;
  event.preventDefault();
  show(inStrip);
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !here) return;
  if (document.querySelector("dialog[open]")) return;
  const inStrip = event.target.closest?.(".filmstrip a");
  if (event.key === "Escape" && here.stage.dataset.open && here.stage.contains(event.target)) {
    const button = here.stage.querySelector(`[data-panel="${here.stage.dataset.open}"]`);
    openPanel("");
    button.focus();
  } else if (isTyping(event.target)) {
    return;
  } else if ((event.key === "[" && mayAct(event)) || (inStrip && event.key === "ArrowLeft")) {
    step(-1);
  } else if ((event.key === "]" && mayAct(event)) || (inStrip && event.key === "ArrowRight")) {
    step(1);
  } else {
    return;
  }
  event.preventDefault();
  if (inStrip) current().focus();
});

// --- Heat map ------------------------------------------------------------------------------------------------

function drawHeat() {
  const choice = one("heat-choice");
  if (!here?.pane.world.getItemCount()) return;
  const wanted = Boolean(heat.on && choice);
  if (choice) choice.hidden = !wanted;
  // The card of the photo before may still stand there: its map does not belong on this one.
  if (!wanted || choice.dataset.photo !== current().dataset.photo) {
    if (here.overlay) here.pane.removeOverlay(here.overlay);
    here.overlay = null;
    return;
  }
  if (!here.overlay) {
    here.overlay = Object.assign(new Image(), { className: "stage-heat", alt: "" });
    here.overlay.dataset.stageHeat = "";
    const { width, height } = photoOf(current());
    const location = new window.OpenSeadragon.Rect(0, 0, 1, height / width);
    here.pane.addOverlay({ element: here.overlay, location });
  }
  const address = `${choice.dataset.heatUrl}?condition=${encodeURIComponent(heat.condition)}`;
  if (here.overlay.getAttribute("src") !== address) here.overlay.src = address;
  here.overlay.style.opacity = heat.strength;
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
  const { target } = event;
  if (target.matches("[data-light]")) {
    light();
    return;
  }
  if (target.matches(".heat-switch")) heat.on = target.checked;
  else if (target.matches("[data-heat-condition]")) heat.condition = target.value;
  else if (target.matches("[data-heat-opacity]")) heat.strength = Number(target.value) / 100;
  else return;
  drawHeat();
});

// --- Start, and start again after a part was replaced ----------------------------------------------------------

// The viewer is for looking closer: the photo itself comes first.
const library = painted.then(() => new Promise((done) => {
  const script = document.createElement("script");
  script.src = document.querySelector("[data-viewer-library]").dataset.viewerLibrary;
  script.addEventListener("load", done);
  document.head.append(script);
}));

async function start() {
  wireHeat();
  await library;
  const photo = current();
  if (photo instanceof HTMLImageElement) await photo.decode().catch(() => {}); // only then it knows its size
  const stage = one("stage");
  if (stage && stage !== here?.stage) build(stage);
}

heat.on = Boolean(document.querySelector(".heat-switch")?.checked); // somebody was quicker than this script
start();
document.addEventListener("htmx:afterSettle", start);
