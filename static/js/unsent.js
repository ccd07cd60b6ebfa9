// On every page: a quiet note of the photos that are not sent yet, and a warning before signing out or time loses them.

import { ask } from "./confirm.js";
import { clear, expire, expired, forget, goesAt, unsent, warned } from "./outbox.js";

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

// The page of a case shows its own photos in rows.
const shownHere = () => document.querySelector("[data-uploader]")?.dataset.case;

async function show() {
  const here = shownHere();
  const parcels = (await unsent({ user: words.user, clinic: words.clinic })).filter((parcel) => parcel.case !== here);
  const gone = await expired({ user: words.user, clinic: words.clinic });
  const old = await warned(parcels);
  note.hidden = parcels.length + gone.length === 0;
  note.querySelector("[data-unsent-count]").textContent = counted(parcels.length, words.one, words.many);
  note.querySelector("[data-unsent-waiting]").hidden = parcels.length === 0;
  note.querySelector("[data-unsent-gone]").hidden = gone.length === 0;
  note.querySelector("[data-unsent-gone] span").textContent = gone.length ? counted(gone.length, words.goneOne, words.goneMany) : "";
  const ends = note.querySelector("[data-unsent-ends]");
  ends.hidden = old.length === 0;
  const first = new Date(Math.min(...old.map(goesAt)));
  if (old.length) ends.textContent = words.ends.replace("%s", first.toLocaleDateString(document.documentElement.lang));
  const cases = [...new Set(parcels.map((parcel) => parcel.case))];
  note.querySelector("[data-unsent-cases]").replaceChildren(
    ...cases.map((caseId) => line(parcels.filter((parcel) => parcel.case === caseId))),
  );
}

// Whoever has signed in: what is too old of anybody goes. Not on the sign-in page, where its own person may stand.
const tidied = document.body.dataset.person
  ? expire({ user: words?.user, clinic: words?.clinic, here: shownHere() })
  : Promise.resolve();

if (note) {
  tidied.then(show);
  note.querySelector("[data-unsent-gone] button").addEventListener("click", async () => {
    for (const parcel of await expired({ user: words.user, clinic: words.clinic })) await forget(parcel.id);
    show();
  });
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
