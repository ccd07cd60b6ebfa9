// Photos go to the server as soon as they are chosen, each in a row of its own.
//
// Every row is one photo: waiting -> sending -> arrived | refused (the photo is at fault) | failed (the way is).
// What failed is tried again by itself, and as soon as the browser is online again; then there is a button.
// A page without a case yet gives the element a `prepare` function (static/js/case-form.js) that makes one.

import { ask } from "./confirm.js";

const AT_ONCE = 2; // more would only divide a slow line
const PAUSES = [1000, 4000]; // before trying again by itself, ms
const NO_PHOTO = "00000000-0000-0000-0000-000000000000";
const PREVIEWS = /^image\/(jpeg|png|webp|gif)$/; // Chromium cannot show HEIC

class Row {
  constructor(uploader, element, file = null) {
    this.uploader = uploader;
    this.element = element;
    this.file = file;
    this.state = file ? "waiting" : "arrived";
    this.tries = 0;
    this.photo = element.dataset.photo || null;
    this.kind = element.querySelector("[data-upload-kind]");
    this.words = element.querySelector("[data-upload-state]");
    this.progress = element.querySelector("[data-upload-progress]");
    this.retry = element.querySelector("[data-upload-retry]");
    if (file) this.describe();
    this.savedKind = this.kind.value;
    this.kind.addEventListener("change", () => this.changeKind());
    this.retry.addEventListener("click", () => this.again());
    element.querySelector("[data-upload-remove]").addEventListener("click", () => this.remove());
  }

  describe() {
    const name = this.element.querySelector("[data-upload-name]");
    name.textContent = this.file.name;
    name.title = this.file.name;
    if (!PREVIEWS.test(this.file.type)) return;
    const address = URL.createObjectURL(this.file);
    this.show(address, () => URL.revokeObjectURL(address));
  }

  /** Show a picture in the row; while and unless it loads, the neutral mark stays. */
  show(address, done = () => {}) {
    const picture = new Image(56, 56);
    picture.className = "upload-preview";
    picture.alt = this.uploader.words.preview;
    picture.onload = () => {
      this.element.querySelector(".upload-preview").replaceWith(picture);
      done();
    };
    picture.onerror = done;
    picture.src = address;
  }

  become(state, sentence = "", { retry = false } = {}) {
    this.state = state;
    this.words.textContent = sentence;
    this.progress.hidden = state !== "sending";
    this.retry.hidden = !retry;
    this.element.classList.toggle("upload-done", state === "arrived");
    this.element.classList.toggle("upload-refused", state === "refused" || state === "failed");
    if (state === "refused" || state === "failed") this.uploader.say(`${this.file?.name ?? ""}: ${sentence}`);
    this.uploader.changed();
  }

  send(address) {
    const { words } = this.uploader;
    const body = new FormData();
    body.append("file", this.file, this.file.name);
    body.append("kind", this.kind.value);
    this.savedKind = this.kind.value;
    const request = (this.request = new XMLHttpRequest());
    request.open("POST", address);
    request.setRequestHeader("X-CSRFToken", this.uploader.csrf);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable || this.state !== "sending") return;
      const share = Math.round((100 * event.loaded) / event.total);
      this.progress.value = share;
      this.words.textContent = share < 100 ? words.sending.replace("%s", share) : words.checking;
    });
    request.addEventListener("load", () => this.answered(request));
    request.addEventListener("error", () => this.broken(words.offline));
    this.progress.value = 0;
    this.become("sending", words.sending.replace("%s", 0));
    request.send(body);
  }

  answered(request) {
    const { words } = this.uploader;
    let answer = null;
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      // Not our answer: a sign-in page, or an error page of what stands in front of the server.
    }
    if (answer?.id) return this.arrived(answer);
    if (request.status === 401 || request.status === 403 || request.responseURL !== this.uploader.sentTo(request)) {
      return this.become("failed", words.signedOut, { retry: true });
    }
    if (request.status >= 500 || request.status === 429) return this.broken(words.failed);
    return this.become("refused", answer?.error || words.refused);
  }

  arrived(answer) {
    const { words } = this.uploader;
    this.photo = answer.id;
    this.element.dataset.photo = answer.id;
    const remarks = (answer.remarks || []).map((remark) => words.remark.replace("%s", remark.text ?? remark));
    this.element.classList.toggle("upload-remark", remarks.length > 0);
    if (answer.thumbnail_url) this.show(answer.thumbnail_url);
    this.become("arrived", remarks.join(" ") || words.arrived);
    if (this.kind.value !== this.savedKind) this.changeKind();
    this.uploader.announce();
  }

  broken(sentence) {
    const pause = PAUSES[this.tries++];
    if (pause === undefined) return this.become("failed", sentence, { retry: true });
    this.become("resting", this.uploader.words.again, { retry: true });
    this.timer = window.setTimeout(() => this.again(), pause);
    return undefined;
  }

  again() {
    window.clearTimeout(this.timer);
    if (this.state !== "failed" && this.state !== "resting") return;
    this.become("waiting", this.uploader.words.waiting);
    this.uploader.work();
  }

  async changeKind() {
    if (!this.photo) return; // it is still to be sent, or on its way: `arrived` looks again
    const wanted = this.kind.value;
    if (await this.uploader.post(this.uploader.kindAddress(this.photo), { kind: wanted })) {
      this.savedKind = wanted;
    } else {
      this.kind.value = this.savedKind;
      this.words.textContent = this.uploader.words.kindFailed;
    }
  }

  async remove() {
    const { words } = this.uploader;
    if (this.photo) {
      const yes = await ask({ title: words.removeTitle, text: words.removeText, action: words.removeAction });
      if (!yes) return;
      if (!(await this.uploader.post(this.uploader.removeAddress(this.photo)))) {
        this.words.textContent = words.removeFailed;
        return;
      }
      this.uploader.announce();
    }
    window.clearTimeout(this.timer);
    this.request?.abort();
    this.uploader.drop(this);
  }
}

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

  sentTo() {
    return new URL(this.address, document.baseURI).href;
  }

  removeAddress(photo) {
    return this.root.dataset.removeUrl.replace(NO_PHOTO, photo);
  }

  kindAddress(photo) {
    return this.root.dataset.kindUrl.replace(NO_PHOTO, photo);
  }

  /** POST `fields`; true when it was done. */
  async post(address, fields = {}) {
    const body = new URLSearchParams(fields);
    const headers = { "X-CSRFToken": this.csrf, Accept: "application/json" };
    try {
      return (await fetch(address, { method: "POST", headers, body, redirect: "error" })).ok;
    } catch {
      return false;
    }
  }
}

for (const root of document.querySelectorAll("[data-uploader]")) root.uploader = new Uploader(root);
