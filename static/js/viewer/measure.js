// A line with two ends on the photo, its length, and the scale that a line over a ruler gives.
import { photoOf } from "./pane.js";

const STEP = 1; // screen pixels an arrow key moves an end by; ten times that with Shift

export class Measure {
  /** `current()` is the strip's link of the photo that is shown. */
  constructor(root, panel, pane, current) {
    Object.assign(this, { root, panel, pane, current });
    this.ends = [...root.querySelectorAll("[data-measure-end]")];
    this.points = null; // in pixels of the original
    for (const [number, end] of this.ends.entries()) this.wire(end, number);
    for (const event of ["update-viewport", "resize", "rotate"]) pane.addHandler(event, () => this.draw());
    panel.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send({ pixels: this.length, millimetres: panel.querySelector("[data-scale-length]").value }, panel.dataset.saved);
    });
    this.undo = panel.querySelector("[data-scale-undo]");
    this.clear = panel.querySelector("[data-scale-clear]");
    this.clear.addEventListener("click", () => this.takeAway());
    this.undo.addEventListener("click", () => {
      // A line as long as the old scale says: whoever brings it back stands for it from now on.
      this.send({ pixels: 100, millimetres: 100 / Number(this.undo.dataset.was) }, panel.dataset.saved);
    });
  }

  wire(end, number) {
    end.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      end.focus();
      end.setPointerCapture(event.pointerId);
    });
    end.addEventListener("pointermove", (event) => {
      if (!end.hasPointerCapture(event.pointerId)) return;
      const box = this.root.getBoundingClientRect();
      this.put(number, event.clientX - box.left, event.clientY - box.top);
    });
    end.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const far = STEP * (event.shiftKey ? 10 : 1);
      const at = this.toScreen(this.points[number]);
      this.put(number, at.x + step[0] * far, at.y + step[1] * far);
    });
  }

  get photo() {
    return photoOf(this.current());
  }

  get length() {
    const [a, b] = this.points;
    return Math.hypot(a.x - b.x, a.y - b.y);
  }

  toScreen(point) {
    const { width } = this.photo;
    return this.pane.viewport.pixelFromPoint(new window.OpenSeadragon.Point(point.x / width, point.y / width), true);
  }

  put(number, x, y) {
    const { width, height } = this.photo;
    const at = this.pane.viewport.pointFromPixel(new window.OpenSeadragon.Point(x, y), true);
    this.points[number] = {
      x: Math.min(width, Math.max(0, at.x * width)),
      y: Math.min(height, Math.max(0, at.y * width)),
    };
    this.draw();
  }

  /** Shows a level line in the middle of what is seen, or takes it away. */
  toggle(on) {
    this.root.hidden = !on;
    this.points = null;
    if (!on) return;
    const size = this.pane.viewport.getContainerSize();
    this.points = [{ x: 0, y: 0 }, { x: 0, y: 0 }];
    this.put(0, size.x * 0.35, size.y / 2);
    this.put(1, size.x * 0.65, size.y / 2);
    this.tellScale();
    this.ends[0].focus({ preventScroll: true });
  }

  draw() {
    if (!this.points || !this.current()) return;
    const at = this.points.map((point) => this.toScreen(point));
    for (const [number, end] of this.ends.entries()) {
      end.style.transform = `translate(${at[number].x}px, ${at[number].y}px)`;
    }
    for (const line of this.root.querySelectorAll("line")) {
      for (const [name, value] of Object.entries({ x1: at[0].x, y1: at[0].y, x2: at[1].x, y2: at[1].y })) line.setAttribute(name, value);
    }
    const label = this.root.querySelector("[data-measure-length]");
    const scale = this.photo.pixelsPerMm;
    const words = scale ? `${(this.length / scale).toFixed(1)} mm` : `${Math.round(this.length)} ${this.root.dataset.unknown}`;
    if (label.textContent !== words) label.textContent = words;
    const low = at[0].y > at[1].y ? at[0] : at[1];
    const most = this.root.clientWidth - label.offsetWidth - 8;
    label.style.transform = `translate(${Math.max(8, Math.min(most, low.x))}px, ${low.y + 16}px)`;
  }

  tellScale() {
    const words = this.panel.querySelector("[data-scale-words]");
    words.dataset.none ??= words.textContent;
    words.textContent = this.current().dataset.scaleSaid || words.dataset.none;
    this.panel.querySelector("[data-scale-said]").textContent = "";
    this.clear.hidden = !this.photo.pixelsPerMm;
    this.undo.hidden = true;
  }

  async takeAway() {
    const was = this.photo.pixelsPerMm;
    if (!(await this.send({ pixels: "", millimetres: "" }, this.panel.dataset.cleared))) return;
    this.undo.dataset.was = was;
    this.undo.hidden = false;
    this.undo.focus();
  }

  /** What is sent becomes the photo's scale; answers whether it did. */
  async send(line, saved) {
    const link = this.current();
    const said = this.panel.querySelector("[data-scale-said]");
    const body = new FormData();
    for (const [name, value] of Object.entries(line)) body.set(name, String(value));
    try {
      const headers = JSON.parse(document.body.getAttribute("hx-headers"));
      const answer = await fetch(link.dataset.scaleUrl, { method: "POST", body, headers });
      const told = await answer.json();
      if (answer.ok) {
        link.dataset.pixelsPerMm = told.pixels_per_mm ?? "";
        link.dataset.scaleSaid = told.said;
        this.tellScale();
        this.draw();
      }
      said.textContent = answer.ok ? saved : told.error;
      return answer.ok;
    } catch {
      said.textContent = this.panel.dataset.failed;
      return false;
    }
  }
}
