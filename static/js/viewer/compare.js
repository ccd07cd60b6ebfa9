// Another visit's photo beside this one with the same view, or over it: as strong as one likes, blinking, moved to fit.
import { makePane, photoOf, source } from "./pane.js";

const BLINK_MS = 600;

export class Compare {
  constructor(stage, pane, current) {
    Object.assign(this, { stage, pane, current });
    this.panel = stage.querySelector("#panel-compare");
    this.box = stage.querySelector("[data-stage-second]");
    this.on = this.over = this.aligning = this.hold = false;
    this.second = this.item = this.timer = null;
    pane.addHandler("canvas-drag", (event) => this.dragged(event));
    pane.addHandler("canvas-scroll", (event) => {
      if (!this.aligning) return;
      event.preventDefaultAction = true;
      this.resize(event.scroll > 0 ? 1.02 : 1 / 1.02);
    });
    pane.addHandler("canvas-key", (event) => this.nudged(event));
    if (!this.panel) return;
    this.select.addEventListener("change", () => this.show());
    this.part("linked").addEventListener("change", () => this.link(this.pane, this.second));
    this.part("overlay").addEventListener("click", () => {
      this.over = !this.over;
      this.show();
    });
    this.part("over-strength").addEventListener("input", () => this.strength());
    this.part("blink").addEventListener("click", () => this.blink(!this.timer));
    this.part("align").addEventListener("click", () => this.align(!this.aligning));
  }

  part(name) {
    return this.panel.querySelector(`[data-${name}]`);
  }

  get select() {
    return this.part("compare-photo");
  }

  get chosen() {
    return this.select.selectedOptions[0];
  }

  /** Shows the other photo (of id `photo`, if given), or takes it away. */
  toggle(on, photo) {
    this.on = on && Boolean(this.panel && this.chosen);
    if (photo) this.select.value = photo;
    if (this.panel) this.show();
  }

  show() {
    this.clear();
    this.part("overlay").setAttribute("aria-pressed", String(this.over));
    this.part("beside").hidden = this.over;
    for (const part of this.panel.querySelectorAll("[data-over]")) part.hidden = !this.over;
    this.box.hidden = !this.on || this.over;
    if (!this.on) return;
    const photo = photoOf(this.chosen);
    if (this.over) {
      // Where both scales are known, a millimetre is as long in both photos.
      const own = photoOf(this.current());
      const known = own.pixelsPerMm && photo.pixelsPerMm;
      const width = known ? (photo.width / photo.pixelsPerMm) / (own.width / own.pixelsPerMm) : 1;
      this.pane.addTiledImage({
        tileSource: source(photo),
        width,
        x: (1 - width) / 2,
        y: (own.height / own.width - (width * photo.height) / photo.width) / 2,
        success: ({ item }) => {
          if (!this.on || !this.over) this.pane.world.removeItem(item);
          else this.item = item;
          this.strength();
        },
      });
      return;
    }
    this.box.querySelector("[data-second-name]").textContent = this.chosen.textContent;
    this.second = makePane(this.box.querySelector(".stage-canvas"));
    this.second.addOnceHandler("open", () => this.link(this.pane, this.second));
    for (const [from, to] of [["pane", "second"], ["second", "pane"]]) {
      const follow = () => this.link(this[from], this[to]);
      for (const event of ["zoom", "pan", "rotate", "resize"]) this[from].addHandler(event, follow);
      if (from === "pane") this.unfollow = () => ["zoom", "pan", "rotate", "resize"].forEach((event) => this.pane.removeHandler(event, follow));
    }
    this.second.open(source(photo));
  }

  /** `to` shows what `from` shows; at the same size in millimetres where both scales are known. */
  link(from, to) {
    if (this.hold || !from || !to?.world.getItemCount() || !this.part("linked").checked) return;
    this.hold = true; // what follows must not lead back
    const photos = { own: photoOf(this.current()), other: photoOf(this.chosen) };
    const [a, b] = from === this.pane ? [photos.own, photos.other] : [photos.other, photos.own];
    const ratio = a.pixelsPerMm && b.pixelsPerMm ? (b.width / b.pixelsPerMm) / (a.width / a.pixelsPerMm) : 1;
    const centre = from.viewport.getCenter();
    const middle = { x: 0.5, a: a.height / a.width / 2, b: b.height / b.width / 2 };
    to.viewport.setRotation(from.viewport.getRotation(), true);
    to.viewport.zoomTo(from.viewport.getZoom() * ratio, undefined, true);
    to.viewport.panTo(
      new window.OpenSeadragon.Point(middle.x + (centre.x - middle.x) / ratio, middle.b + (centre.y - middle.a) / ratio),
      true,
    );
    this.hold = false;
  }

  strength() {
    this.item?.setOpacity(Number(this.part("over-strength").value) / 100);
  }

  blink(on) {
    window.clearInterval(this.timer);
    this.timer = null;
    this.part("blink").setAttribute("aria-pressed", String(on));
    if (!on) {
      this.strength();
      return;
    }
    const swap = () => this.item?.setOpacity(this.item.getOpacity() > 0.5 ? 0 : 1);
    swap();
    this.timer = window.setInterval(swap, BLINK_MS);
  }

  align(on) {
    this.aligning = on && Boolean(this.item);
    this.part("align").setAttribute("aria-pressed", String(this.aligning));
    if (this.aligning) this.pane.canvas.focus({ preventScroll: true });
  }

  move(x, y) {
    const by = this.pane.viewport.deltaPointsFromPixels(new window.OpenSeadragon.Point(x, y), true);
    const at = this.item.getBoundsNoRotate().getTopLeft();
    this.item.setPosition(at.plus(by), true);
  }

  resize(factor) {
    const before = this.item.getBoundsNoRotate();
    this.item.setWidth(before.width * factor, true);
    const after = this.item.getBoundsNoRotate();
    this.item.setPosition(before.getCenter().minus(after.getCenter()).plus(after.getTopLeft()), true);
  }

  dragged(event) {
    if (!this.aligning) return;
    event.preventDefaultAction = true;
    this.move(event.delta.x, event.delta.y);
  }

  nudged(event) {
    if (!this.aligning) return;
    const { key, shiftKey } = event.originalEvent;
    const far = shiftKey ? 10 : 1;
    const step = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[key];
    if (!step && key !== "+" && key !== "-") return;
    event.originalEvent.preventDefault();
    event.originalEvent.stopImmediatePropagation();
    if (step) this.move(...step);
    else this.resize(key === "+" ? 1.01 : 1 / 1.01);
  }

  clear() {
    if (!this.panel) return; // there is no other visit to compare with
    this.blink(false);
    this.align(false);
    this.unfollow?.();
    this.unfollow = null;
    this.second?.destroy();
    this.second = null;
    if (this.item) this.pane.world.removeItem(this.item);
    this.item = null;
  }
}
