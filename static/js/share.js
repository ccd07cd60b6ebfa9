// Hands the PDF to the device's own menu for sending, where it has one that takes files. Who sent it says so below.
import { notify } from "./notices.js";

const button = document.querySelector("[data-share]");
const pdf = (parts, name) => new File(parts, name, { type: "application/pdf" });

if (button && navigator.canShare?.({ files: [pdf(["%PDF"], "report.pdf")] })) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      const answer = await fetch(button.dataset.share);
      if (!answer.ok || answer.redirected) throw new Error(`${answer.status}`);
      await navigator.share({ files: [pdf([await answer.blob()], button.dataset.name)] });
      document.querySelector("[data-sent]")?.focus();
    } catch (error) {
      if (error.name !== "AbortError") notify(button.dataset.failed, { seconds: 0 }); // closed without sending
    }
  });
}
