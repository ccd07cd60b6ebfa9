// Photos go to the server as soon as they are chosen, each in a row of its own (upload-row.js). Until the server has
// confirmed one it is kept in this browser (outbox.js), and comes back with this page.
//
// A page without a case yet gives the element a `prepare` function (case-form.js) that makes one. Events, which
// bubble from the element: "uploads" when a row came to another state, "photos-changed" when the record has other
// photos than before.

import { sha256 } from "./checksum.js";
import { newId, occupied, occupy, unsent } from "./outbox.js";
import { Row } from "./upload-row.js";

const AT_ONCE = 2; // more would only divide a slow line
const UNDERWAY = ["reading", "waiting", "sending", "resting"];
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
    this.caseId = root.dataset.case || root.closest("form")?.querySelector("[name=case_id]")?.value;
    root.dataset.case = this.caseId;
    this.listen();
    occupy(this.caseId);
    this.comeBack();
  }

  /** Rows for what an earlier visit could not send. */
  async comeBack() {
    const { user, clinic, patient } = this.root.dataset;
    const shown = new Set(this.rows.map((row) => row.parcel?.id));
    const others = await occupied();
    for (const parcel of await unsent({ user, clinic })) {
      const own = parcel.case === this.caseId;
      // Chosen for a case of this patient that was never saved, in a page that is closed by now.
      const left = !own && !this.address && !parcel.address && parcel.patient === patient && !others.has(parcel.case);
      if (shown.has(parcel.id) || !(own || left)) continue;
      const row = this.line(parcel);
      row.kept = true;
      if (left) row.become("earlier", this.words.earlier, { button: row.adopt });
      else if (parcel.refused) row.refuse(parcel.refused.sentence, parcel.refused.code);
      else row.become("waiting", this.words.waiting);
    }
    if (this.busy) this.root.closest("details")?.setAttribute("open", "");
    this.work();
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
    // Back from the tab in which the person signed in again.
    window.addEventListener("focus", () => this.rows.forEach((row) => row.again()));
    window.addEventListener("beforeunload", (event) => {
      // What this browser keeps comes back with the page; only what it cannot keep is lost by leaving.
      if (this.rows.some((row) => UNDERWAY.includes(row.state) && !row.kept)) event.preventDefault(); // the browser asks whether to leave
    });
  }

  get busy() {
    return this.rows.some((row) => UNDERWAY.includes(row.state));
  }

  get arrived() {
    return this.rows.filter((row) => row.state === "arrived").length;
  }

  get unsent() {
    return this.rows.filter((row) => row.state === "failed").length;
  }

  /** The token of the session as it is now: signing in again makes another. */
  get freshCsrf() {
    return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? this.csrf;
  }

  /** A new row for a parcel (outbox.js). */
  line(parcel) {
    const element = this.root.querySelector("[data-uploader-row]").content.firstElementChild.cloneNode(true);
    this.list.append(element);
    const row = new Row(this, element, parcel);
    this.rows.push(row);
    return row;
  }

  async add(files) {
    const { user, clinic, patient, label } = this.root.dataset;
    const belongs = { user, clinic, patient, label, case: this.caseId, address: "", kind: this.defaultKind };
    const rows = [...files].map((blob) => {
      const { name, type } = blob;
      const row = this.line({ ...belongs, id: newId(), name, type, blob, addedAt: Date.now() });
      row.become("reading", this.words.reading);
      return row;
    });
    // One after the other, since each is read into memory in full.
    for (const row of rows) {
      await this.take(row);
      this.work();
    }
  }

  /** Read a photo, note its checksum, and keep it before anything is sent. */
  async take(row) {
    try {
      const bytes = await row.parcel.blob.arrayBuffer();
      row.parcel.sha256 = await sha256(bytes);
      row.parcel.blob = new Blob([bytes], { type: row.parcel.type });
    } catch {
      row.become("refused", this.words.unreadable, { button: row.retake });
      return;
    }
    await row.save();
    if (!this.rows.includes(row)) return; // removed meanwhile
    if (!row.kept) this.wait(this.words.storageRefused);
    row.become("waiting", this.words.waiting);
  }

  /** Another photo in place of one that was refused. */
  async retake(row) {
    const input = this.root.querySelector("[data-uploader-files]");
    input.addEventListener("change", () => row.remove(), { once: true });
    input.click();
  }

  get defaultKind() {
    return this.root.querySelector("[data-uploader-row]").content.querySelector("[data-upload-kind]").value;
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
    if (this.rows.every((row) => row.kept || !row.parcel)) this.wait("");
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
    const headers = { "X-CSRFToken": this.freshCsrf, Accept: "application/json" };
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
