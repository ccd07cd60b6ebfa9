// One photo of the uploader, on its way into the record.
//
// waiting -> sending -> arrived | refused (the photo is at fault) | failed (the way is); arrived -> removed and back.
// What failed is tried again by itself ("resting"), and as soon as the browser is online again; then by a button.

const PAUSES = [1000, 4000]; // before trying again by itself, ms
const PREVIEWS = /^image\/(jpeg|png|webp|gif)$/; // Chromium cannot show HEIC
const ELSEWHERE = "other_patient"; // the photo is in another patient's record; the person may insist
const THERE = "already_there"; // the photo is in this case, perhaps from a try whose answer was lost

export class Row {
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
    this.insist = element.querySelector("[data-upload-insist]");
    this.undo = element.querySelector("[data-upload-undo]");
    this.bin = element.querySelector("[data-upload-remove]");
    if (file) this.describe();
    this.savedKind = this.kind.value;
    this.kind.addEventListener("change", () => this.changeKind());
    this.retry.addEventListener("click", () => this.again());
    this.insist.addEventListener("click", () => this.sendAnyway());
    this.undo.addEventListener("click", () => this.bringBack());
    this.bin.addEventListener("click", () => this.remove());
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

  become(state, sentence = "", { button = null } = {}) {
    const wrong = state === "refused" || state === "failed";
    this.state = state;
    this.words.textContent = sentence;
    this.progress.hidden = state !== "sending";
    for (const each of [this.retry, this.insist, this.undo]) each.hidden = each !== button;
    this.bin.hidden = state === "removed";
    this.kind.hidden = state === "removed" || state === "refused";
    this.element.classList.toggle("upload-refused", wrong);
    this.element.classList.toggle("upload-removed", state === "removed");
    if (state !== "arrived") this.element.classList.remove("upload-remark");
    if (wrong) this.uploader.say(`${this.file?.name ?? ""}: ${sentence}`);
    this.uploader.changed();
  }

  send(address) {
    const { words } = this.uploader;
    const body = new FormData();
    body.append("file", this.file, this.file.name);
    body.append("kind", this.kind.value);
    if (this.anyway) body.append("even_if_elsewhere", "1");
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
    if (answer?.code === THERE) return this.become("arrived", answer.error);
    if (answer?.code === ELSEWHERE) return this.become("refused", answer.error, { button: this.insist });
    if (answer?.error && request.status < 500) return this.become("refused", answer.error);
    if (request.status === 413) return this.become("refused", words.tooLarge);
    const lost = request.status === 401 || request.status === 403 || request.status < 300;
    if (lost) return this.become("failed", words.signedOut, { button: this.retry });
    return this.broken(answer?.error || words.failed);
  }

  arrived(answer) {
    const remarks = (answer.remarks ?? []).map((remark) => remark.sentence);
    this.photo = answer.id;
    this.element.dataset.photo = answer.id;
    if (answer.urls?.thumbnail) this.show(answer.urls.thumbnail);
    this.become("arrived", remarks.join(" ") || this.uploader.words.arrived);
    this.element.classList.toggle("upload-remark", remarks.length > 0);
    if (this.kind.value !== this.savedKind) this.changeKind();
    this.uploader.announce();
  }

  broken(sentence) {
    const pause = PAUSES[this.tries++];
    if (pause === undefined) {
      this.become("failed", sentence, { button: this.retry });
      return;
    }
    this.become("resting", this.uploader.words.again, { button: this.retry });
    this.timer = window.setTimeout(() => this.again(), pause);
  }

  again() {
    window.clearTimeout(this.timer);
    if (this.state !== "failed" && this.state !== "resting") return;
    this.become("waiting", this.uploader.words.waiting);
    this.uploader.work();
  }

  sendAnyway() {
    this.anyway = true;
    this.become("waiting", this.uploader.words.waiting);
    this.uploader.work();
  }

  async changeKind() {
    if (!this.photo) return; // it is still to be sent, or on its way: `arrived` looks again
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
