// Photos go to the server as soon as they are chosen, each in a row of its own (upload-row.js).
//
// A page without a case yet gives the element a `prepare` function (case-form.js) that makes one. Events, which
// bubble from the element: "uploads" when a row came to another state, "photos-changed" when the record has other
// photos than before.

import { Row } from "./upload-row.js";

const AT_ONCE = 2; // more would only divide a slow line
const NO_PHOTO = "00000000-0000-0000-0000-000000000000";

class Uploader {
  constructor(root) {
    this.root = root;
    this.csrf = root.dataset.csrf;
    this.words = root.querySelector("[data-uploader-words]").dataset;
    this.list = root.querySelector("[data-uploader-list]");
    this.rows = [...this.list.children].map((element) => new Row(this, element));
    this.address = root.dataset.uploadUrl;
    this.prepare = null; // async () => the address to send to; throws an Error with a sentence when it cannot yet
    this.preparing = null;
    this.listen();
  }

  listen() {
    for (const input of this.root.querySelectorAll("[data-uploader-files]")) {
      input.addEventListener("change", () => {
        this.add(input.files);
        input.value = ""; // sent by this script, not once more with the form
      });
    }
    const drop = this.root.querySelector("[data-uploader-drop]");
    // A photo that misses the field must not replace the page and what was typed in it.
    for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
    this.root.addEventListener("dragover", () => drop.classList.add("drop-over"));
    this.root.addEventListener("dragleave", (event) => {
      if (!this.root.contains(event.relatedTarget)) drop.classList.remove("drop-over");
    });
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("drop-over");
      this.add(event.dataTransfer.files);
    });
    window.addEventListener("online", () => this.rows.forEach((row) => row.again()));
    window.addEventListener("beforeunload", (event) => {
      if (this.busy) event.preventDefault(); // the browser asks whether to leave
    });
  }

  get busy() {
    return this.rows.some((row) => ["waiting", "sending", "resting"].includes(row.state));
  }

  get arrived() {
    return this.rows.filter((row) => row.state === "arrived").length;
  }

  get unsent() {
    return this.rows.filter((row) => row.state === "failed").length;
  }

  add(files) {
    const template = this.root.querySelector("[data-uploader-row]");
    for (const file of files) {
      const element = template.content.firstElementChild.cloneNode(true);
      this.list.append(element);
      const row = new Row(this, element, file);
      this.rows.push(row);
      row.become("waiting", this.words.waiting);
    }
    this.work();
  }

  /** Send what waits, a few at a time; makes the case first where there is none. */
  async work() {
    if (!this.rows.some((row) => row.state === "waiting")) return;
    if (!this.address) {
      try {
        this.preparing ??= this.prepare();
        this.address = await this.preparing;
      } catch (reason) {
        this.wait(reason.message);
        return;
      } finally {
        this.preparing = null;
      }
    }
    this.wait("");
    let free = AT_ONCE - this.rows.filter((row) => row.state === "sending").length;
    for (const row of this.rows) {
      if (free <= 0) break;
      if (row.state !== "waiting") continue;
      free -= 1;
      row.send(this.address);
    }
  }

  /** Why nothing is sent yet, above the rows; empty when there is no reason. */
  wait(sentence) {
    const line = this.root.querySelector("[data-uploader-waits]");
    line.textContent = sentence;
    line.hidden = !sentence;
    if (sentence) this.say(sentence);
  }

  drop(row) {
    this.rows = this.rows.filter((other) => other !== row);
    row.element.remove();
    this.root.querySelector("[data-uploader-files]").focus();
    this.changed();
  }

  /** A row came to another state. */
  changed() {
    this.root.dispatchEvent(new CustomEvent("uploads", { bubbles: true }));
    if (this.address) window.queueMicrotask(() => this.work());
  }

  /** The photos in the record changed: a page that shows opinions may look again. */
  announce() {
    this.root.dispatchEvent(new CustomEvent("photos-changed", { bubbles: true }));
  }

  say(sentence) {
    this.root.querySelector("[data-uploader-said]").textContent = sentence;
  }

  removeAddress(photo) {
    return this.root.dataset.removeUrl.replace(NO_PHOTO, photo);
  }

  restoreAddress(photo) {
    return this.root.dataset.restoreUrl.replace(NO_PHOTO, photo);
  }

  kindAddress(photo) {
    return this.root.dataset.kindUrl.replace(NO_PHOTO, photo);
  }

  /** POST `fields`; the answer's JSON and `ok`, which is false as well when there was none. */
  async post(address, fields = {}) {
    const body = new URLSearchParams(fields);
    const headers = { "X-CSRFToken": this.csrf, Accept: "application/json" };
    try {
      const response = await fetch(address, { method: "POST", headers, body, redirect: "error" });
      const answer = response.status === 204 ? {} : await response.json();
      return { ...answer, ok: response.ok };
    } catch {
      return { ok: false };
    }
  }
}

for (const root of document.querySelectorAll("[data-uploader]")) root.uploader = new Uploader(root);
