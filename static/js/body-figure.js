// The drawing of the body chooses among the radios beneath it; the radios stay the truth.
//
// A click on a region chooses its site, and its side from where the click fell: a region that crosses the
// midline is left, middle or right by thirds. With the keyboard the drawing is one tab stop: arrow keys go to
// the nearest region that way, Enter or Space chooses. Without this script the drawing is a picture and the
// list of radios does it all.

const THIRD = 0.36; // the share of a midline region's width, from either edge, that counts as a side

function regionCentre(region) {
  const box = region.getBBox();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** The region nearest to `from` in the direction of an arrow key, or null. */
function neighbour(regions, from, key) {
  const start = regionCentre(from);
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  let best = null;
  let least = Infinity;
  for (const region of regions) {
    if (region === from) continue;
    const centre = regionCentre(region);
    const along = (centre.x - start.x) * dx + (centre.y - start.y) * dy;
    const aside = Math.abs((centre.x - start.x) * dy) + Math.abs((centre.y - start.y) * dx);
    if (along < 2) continue;
    const distance = along + 2 * aside;
    if (distance < least) [best, least] = [region, distance];
  }
  return best;
}

/** The patient's side for a click at `event` within a region that crosses the midline. */
function sideOfClick(region, event) {
  const box = region.getBoundingClientRect();
  const share = (event.clientX - box.left) / box.width;
  if (share > THIRD && share < 1 - THIRD) return "midline";
  const viewersLeft = share <= THIRD;
  const seenFromBehind = region.closest("[data-view]").dataset.view === "back";
  return viewersLeft === seenFromBehind ? "left" : "right";
}

class BodyFigure {
  constructor(root) {
    this.root = root;
    this.drawing = root.querySelector("svg");
    this.said = root.querySelector("[data-body-figure-said]");
    this.regions = [...root.querySelectorAll(".body-region")];
    this.sites = [...root.querySelectorAll("[data-body-figure-site] input")];
    this.sides = [...root.querySelectorAll("[data-body-figure-side] input")];
    this.start();
  }

  start() {
    this.root.classList.add("body-figure-live");
    this.drawing.removeAttribute("aria-hidden");
    this.drawing.removeAttribute("focusable");
    this.drawing.setAttribute("role", "group");
    this.drawing.setAttribute("aria-label", this.root.querySelector("legend").textContent.trim());
    this.regions = this.regions.filter((region) => this.radio(this.sites, region.dataset.site));
    for (const region of this.regions) {
      region.setAttribute("role", "button");
      region.setAttribute("tabindex", "-1");
      const name = this.words(region.dataset.site, region.dataset.side);
      region.setAttribute("aria-label", name);
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = name;
      region.append(title);
    }
    this.drawing.addEventListener("click", (event) => {
      const region = event.target.closest(".body-region");
      if (region) this.choose(region, region.dataset.side || sideOfClick(region, event));
    });
    this.drawing.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("change", () => this.show());
    this.root.closest("form")?.addEventListener("reset", () => window.setTimeout(() => this.show()));
    this.show();
  }

  radio(radios, value) {
    return radios.find((radio) => radio.value === value);
  }

  chosen(radios) {
    return radios.find((radio) => radio.checked)?.value ?? "";
  }

  words(site, side) {
    const word = (radios, value) => this.radio(radios, value)?.closest("label").textContent.trim();
    return [word(this.sites, site), side && word(this.sides, side)].filter(Boolean).join(", ");
  }

  choose(region, side) {
    this.radio(this.sites, region.dataset.site).checked = true;
    const sideRadio = side && this.radio(this.sides, side);
    if (sideRadio) sideRadio.checked = true;
    this.root.dispatchEvent(new Event("change", { bubbles: true }));
    this.focusable(region);
  }

  key(event) {
    const region = event.target.closest(".body-region");
    if (!region) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.choose(region, region.dataset.side || "midline"); // never the side of the place chosen before
    } else if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      const next = neighbour(this.regions, region, event.key);
      if (next) {
        this.focusable(next);
        next.focus();
      }
    }
  }

  focusable(region) {
    for (const other of this.regions) other.setAttribute("tabindex", other === region ? "0" : "-1");
  }

  show() {
    const site = this.chosen(this.sites);
    const side = this.chosen(this.sides);
    let first = null;
    for (const region of this.regions) {
      const here = region.dataset.site === site;
      const exact = here && (!region.dataset.side || region.dataset.side === side);
      const open = here && !exact && side !== "left" && side !== "right";
      region.setAttribute("aria-pressed", String(exact));
      region.classList.toggle("body-region-also", open);
      if (!first && (exact || open)) first = region;
    }
    this.focusable(first || this.regions[0]);
    if (this.said) this.said.textContent = site ? this.words(site, side) : "";
  }
}

for (const root of document.querySelectorAll("[data-body-figure]")) new BodyFigure(root);
