// One photo of the uploader, on its way into the record.
//
// reading -> waiting -> sending -> arrived | refused (the photo is at fault) | failed (somebody must do something);
// arrived -> removed and back. "resting": the line or the server is at fault, and it is tried again by itself, after
// longer and longer pauses, and as soon as the browser is online again. "earlier": chosen for a case never saved.
// A photo counts as arrived when the server has named its checksum, and not before.

import { isNotNow } from "./not-now.js";
import { alone, find, forget, keep, settle } from "./outbox.js";

const FIRST_PAUSE = 1000; // before trying again by itself, ms; doubled each time
const LONGEST_PAUSE = 60_000;
const LONGEST_ASKED = 10 * 60_000; // that a server's Retry-After is believed
const PATIENCE = 30_000; // ms without a byte sent before a request is given up; twice that for the answer
const PREVIEWS = /^image\/(jpeg|png|webp|gif|avif|bmp)$/; // Chromium cannot show HEIC and TIFF
const ELSEWHERE = "other_patient"; // the photo is in another patient's record; the person may insist
const DAMAGED = "checksum"; // the bytes changed on their way
const THERE = "already_there"; // the photo is in this case, perhaps from a try whose answer was lost

/** A Retry-After in ms: seconds, or a time of day (RFC 9110 section 10.2.3); 0 for none. */
function asked(header) {
  const wait = /^\d+$/.test(header ?? "") ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Math.min(LONGEST_ASKED, Math.max(0, wait || 0));
}

export class Row {
  constructor(uploader, element, parcel = null) {
    this.uploader = uploader;
    this.element = element;
    this.parcel = parcel;
    this.kept = false; // whether the photo outlives this page
    this.state = parcel ? "reading" : "arrived";
    this.tries = 0;
    this.photo = element.dataset.photo || null;
    this.kind = element.querySelector("[data-upload-kind]");
    this.words = element.querySelector("[data-upload-state]");
    this.progress = element.querySelector("[data-upload-progress]");
    this.retry = element.querySelector("[data-upload-retry]");
    this.insist = element.querySelector("[data-upload-insist]");
    this.undo = element.querySelector("[data-upload-undo]");
    this.adopt = element.querySelector("[data-upload-adopt]");
    this.retake = element.querySelector("[data-upload-retake]");
    this.bin = element.querySelector("[data-upload-remove]");
    if (parcel) this.describe();
    this.savedKind = this.kind.value;
    this.kind.addEventListener("change", () => this.changeKind());
    this.retry.addEventListener("click", () => this.again());
    this.insist.addEventListener("click", () => this.sendAnyway());
    this.adopt.addEventListener("click", () => this.comeAlong());
    this.retake.addEventListener("click", () => uploader.retake(this));
    this.undo.addEventListener("click", () => this.bringBack());
    this.bin.addEventListener("click", () => this.remove());
  }

  describe() {
    const name = this.element.querySelector("[data-upload-name]");
    name.textContent = this.parcel.name;
    name.title = this.parcel.name;
    this.kind.value = this.parcel.kind;
    if (!PREVIEWS.test(this.parcel.type)) return;
    const address = URL.createObjectURL(this.parcel.blob);
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

  become(state, sentence = "", { button = null } = {}) {
    const wrong = state === "refused" || state === "failed";
    this.state = state;
    this.words.textContent = sentence;
    this.progress.hidden = state !== "sending";
    for (const each of [this.retry, this.insist, this.undo, this.adopt, this.retake]) each.hidden = each !== button;
    this.bin.hidden = state === "removed";
    this.kind.hidden = state === "removed" || state === "refused";
    this.element.classList.toggle("upload-refused", wrong);
    this.element.classList.toggle("upload-removed", state === "removed");
    if (state !== "arrived") this.element.classList.remove("upload-remark");
    if (wrong) this.uploader.say(`${this.parcel?.name ?? ""}: ${sentence}`);
    this.uploader.changed();
  }

  /** Keep what is known of the photo by now. */
  async save() {
    this.kept = await keep(this.parcel);
  }

  /** Send it, unless another tab does or has done so. */
  async send(address) {
    this.become("sending", this.uploader.words.elsewhere);
    await alone(this.parcel.id, async () => {
      const known = await find(this.parcel.id);
      if (known?.answer) return this.arrived(known.answer);
      if (this.kept && !known) return this.uploader.drop(this); // given up in another tab
      this.parcel.address = address;
      await this.save();
      return this.post(address);
    });
  }

  /** One try; resolves when there is an answer, or none. */
  post(address) {
    const { words } = this.uploader;
    const body = new FormData();
    body.append("id", this.parcel.id);
    body.append("sha256", this.parcel.sha256);
    body.append("by", this.parcel.user);
    body.append("file", this.parcel.blob, this.parcel.name);
    body.append("kind", this.kind.value);
    if (this.parcel.anyway) body.append("even_if_elsewhere", "1");
    this.savedKind = this.kind.value;
    const request = (this.request = new XMLHttpRequest());
    request.open("POST", address);
    request.setRequestHeader("X-CSRFToken", this.uploader.freshCsrf);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable || this.state !== "sending") return;
      watch(event.loaded < event.total ? patience : 2 * patience);
      const share = Math.round((100 * event.loaded) / event.total);
      this.progress.value = share;
      this.words.textContent = share < 100 ? words.sending.replace("%s", share) : words.checking;
    });
    this.progress.value = 0;
    this.words.textContent = words.sending.replace("%s", 0);
    const patience = Number(this.uploader.root.dataset.patience) || PATIENCE;
    let giveUp = () => {};
    let watchdog = null;
    const watch = (time) => {
      window.clearTimeout(watchdog);
      watchdog = window.setTimeout(() => giveUp(), time);
    };
    return new Promise((resolve) => {
      // The browser itself waits for ever on a line that is up and carries nothing.
      giveUp = () => {
        resolve(this.broken(words.stalled));
        request.abort();
      };
      request.addEventListener("loadend", () => window.clearTimeout(watchdog));
      request.addEventListener("load", () => resolve(this.answered(request)));
      request.addEventListener("error", () => resolve(this.broken(words.offline)));
      request.addEventListener("abort", resolve);
      request.send(body);
      watch(patience);
    });
  }

  async answered(request) {
    const { words } = this.uploader;
    let answer = null;
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      // Not our answer: a sign-in page, or an error page of what stands in front of the server.
    }
    if (answer?.id && answer.sha256 === this.parcel.sha256) {
      await settle(this.parcel, answer);
      return this.arrived(answer);
    }
    const { status } = request;
    const lost = status === 401 || status === 403 || (status < 300 && !answer?.id);
    if (lost) return this.become("failed", answer?.error || words.signedOut, { button: this.retry });
    if (answer?.code === DAMAGED || answer?.id || isNotNow(status)) {
      const sentence = answer?.error || (status === 408 ? words.stalled : words.failed);
      return this.broken(sentence, asked(request.getResponseHeader("Retry-After")));
    }
    return this.refuse(answer?.error || (status === 413 ? words.tooLarge : words.refused), answer?.code);
  }

  /** The server will not take it as it is: said here, and kept with it for whoever comes back to this page. */
  async refuse(sentence, code) {
    if (code === THERE) {
      await forget(this.parcel.id);
      return this.become("arrived", sentence);
    }
    this.parcel.refused = { sentence, code };
    await this.save();
    return this.become("refused", sentence, { button: code === ELSEWHERE ? this.insist : this.retake });
  }

  arrived(answer) {
    const remarks = (answer.remarks ?? []).map((remark) => remark.sentence);
    this.photo = answer.id;
    this.element.dataset.photo = answer.id;
    if (answer.removed) return this.become("removed", this.uploader.words.removed, { button: this.undo });
    if (answer.urls?.thumbnail) this.show(answer.urls.thumbnail);
    this.become("arrived", remarks.join(" ") || [this.uploader.words.arrived, answer.quality?.in_words].filter(Boolean).join(". "));
    this.element.classList.toggle("upload-remark", remarks.length > 0);
    if (this.kind.value !== this.savedKind) this.changeKind();
    return this.uploader.announce();
  }

  /** Try again later: twice as late each time, not in step with everybody else, and not before `atLeast` ms. */
  broken(sentence, atLeast = 0) {
    if (this.tries === 0) navigator.storage?.persist?.(); // on a bad line the photo may have to stay here for long
    const own = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.tries++);
    const pause = Math.max(own * (0.5 + Math.random() / 2), atLeast);
    const kept = this.kept ? this.uploader.words.kept : this.uploader.words.notKept;
    this.become("resting", `${sentence} ${kept}`, { button: this.retry });
    this.timer = window.setTimeout(() => this.again(), pause);
  }

  again() {
    window.clearTimeout(this.timer);
    if (this.state !== "failed" && this.state !== "resting") return;
    this.become("waiting", this.uploader.words.waiting);
    this.uploader.work();
  }

  /** Chosen earlier for a case of this patient that was never saved: now it belongs to this one. */
  async comeAlong() {
    this.parcel.case = this.uploader.caseId;
    this.parcel.label = this.uploader.root.dataset.label;
    await this.save();
    this.become("waiting", this.uploader.words.waiting);
    this.uploader.work();
  }

  sendAnyway() {
    this.parcel.anyway = true;
    delete this.parcel.refused;
    this.become("waiting", this.uploader.words.waiting);
    this.uploader.work();
  }

  async changeKind() {
    if (!this.photo) {
      // Still to be sent, or on its way: `arrived` looks again.
      this.parcel.kind = this.kind.value;
      if (this.kept) await this.save();
      return;
    }
    const wanted = this.kind.value;
    const answer = await this.uploader.post(this.uploader.kindAddress(this.photo), { kind: wanted });
    if (answer.ok) {
      this.savedKind = wanted;
    } else {
      this.kind.value = this.savedKind;
      this.words.textContent = answer.error || this.uploader.words.kindFailed;
    }
  }

  async remove() {
    const { words } = this.uploader;
    if (!this.photo) {
      window.clearTimeout(this.timer);
      this.request?.abort();
      await forget(this.parcel.id);
      this.uploader.drop(this);
      return;
    }
    const answer = await this.uploader.post(this.uploader.removeAddress(this.photo));
    if (!answer.ok) {
      this.words.textContent = answer.error || words.removeFailed;
      this.uploader.say(this.words.textContent);
      return;
    }
    this.become("removed", words.removed, { button: this.undo });
    this.undo.focus();
    this.uploader.announce();
  }

  async bringBack() {
    const answer = await this.uploader.post(this.uploader.restoreAddress(this.photo));
    if (answer.ok) this.arrived(answer);
    else this.words.textContent = answer.error || this.uploader.words.restoreFailed;
  }
}
