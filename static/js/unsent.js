// On every page: a quiet note of the photos that are not sent yet, and a warning before signing out loses them.

import { ask } from "./confirm.js";
import { clear, forget, unsent } from "./outbox.js";

const NO_ID = "00000000-0000-0000-0000-000000000000";
const note = document.querySelector("[data-unsent-note]");
const words = note?.dataset;

const counted = (number, one, many) => (number === 1 ? one : many.replace("%s", number));

/** One line a case: where to go on, and a way to give the photos up. */
function line(parcels) {
  const [{ case: caseId, address, patient, label }] = parcels;
  const element = note.querySelector("template").content.firstElementChild.cloneNode(true);
  const link = element.querySelector("a");
  link.href = address ? words.caseUrl.replace(NO_ID, caseId) : `${words.newUrl}?patient=${patient}`;
  link.textContent = `${label} (${parcels.length})`;
  const refused = parcels.find((parcel) => parcel.refused);
  element.querySelector("span").textContent = refused ? refused.refused.sentence : "";
  element.querySelector("button").addEventListener("click", async () => {
    const text = counted(parcels.length, words.removeOne, words.removeMany);
    if (!(await ask({ title: words.removeTitle, text, action: words.removeAction }))) return;
    for (const parcel of parcels) await forget(parcel.id);
    show();
  });
  return element;
}

async function show() {
  // The page of a case shows its own photos in rows.
  const here = document.querySelector("[data-uploader]")?.dataset.case;
  const parcels = (await unsent({ user: words.user, clinic: words.clinic })).filter((parcel) => parcel.case !== here);
  note.hidden = parcels.length === 0;
  note.querySelector("[data-unsent-count]").textContent = counted(parcels.length, words.one, words.many);
  const cases = [...new Set(parcels.map((parcel) => parcel.case))];
  note.querySelector("[data-unsent-cases]").replaceChildren(
    ...cases.map((caseId) => line(parcels.filter((parcel) => parcel.case === caseId))),
  );
}

if (note) {
  show();
  window.addEventListener("focus", show);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const leaves = document.body.dataset.person && form.getAttribute("action") === document.body.dataset.signOut;
  if (!leaves || form.dataset.warned) return;
  event.preventDefault();
  const user = document.body.dataset.person;
  const left = (await unsent({ user })).length;
  const { signOutTitle, signOutOne, signOutMany, signOutAction } = document.getElementById("ask").dataset;
  const text = counted(left, signOutOne, signOutMany);
  if (left && !(await ask({ title: signOutTitle, text, action: signOutAction }))) return;
  await clear(user);
  form.dataset.warned = "yes";
  form.submit();
});
