// Photos that the server has not confirmed yet, kept in this browser (IndexedDB) until it has.
//
// A parcel: id (the photo's, made here), user, clinic, patient, case, label, address ("" while there is no case yet),
// name, type, kind, sha256, blob, addedAt; `refused` {sentence, code} once the server said no. Once it is confirmed
// only {id, user, case, answer, settledAt} is left for a while, so that other tabs learn what became of it.
// Computers are shared: what stays unsent for two weeks goes (`expire`), and {id, user, clinic, expiredAt} is left to
// tell its person. `warnedAt` is when that person was first told that it would.
// Where the browser keeps nothing (private window, storage full) parcels live in this page's memory, and `keep` says so.

const TOLD_FOR = 60 * 60 * 1000; // ms that a confirmed parcel's answer is left for other tabs
const DAY = 24 * 60 * 60 * 1000;
const WARNED_FROM = 7 * DAY; // of a parcel's age
const KEPT_FOR = 14 * DAY;
const NOTICE = DAY; // at least, between the warning and the end
const MOURNED_FOR = 90 * DAY; // that an expired parcel is still told of
const inMemory = new Map();
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = window.indexedDB.open("skinclinic-outbox", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("parcels", { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
  return opened;
}

/** Run `work(store)` in a transaction; resolves to its request's result once that is on disk. */
async function stored(mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction("parcels", mode, { durability: "strict" });
    const request = work(transaction.objectStore("parcels"));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** Keep a parcel; false when it only lives in this page's memory. */
export async function keep(parcel) {
  try {
    await stored("readwrite", (store) => store.put(parcel));
    inMemory.delete(parcel.id);
    return true;
  } catch {
    inMemory.set(parcel.id, parcel);
    return false;
  }
}

/** The parcel as it is now, perhaps changed by another tab; undefined when it is gone. */
export async function find(id) {
  try {
    return inMemory.get(id) ?? (await stored("readonly", (store) => store.get(id)));
  } catch {
    return undefined;
  }
}

export async function forget(id) {
  inMemory.delete(id);
  await stored("readwrite", (store) => store.delete(id)).catch(() => {});
}

/** The server has confirmed the parcel: its bytes go, its answer stays a while. */
export async function settle({ id, user, case: caseId }, answer) {
  inMemory.delete(id);
  await stored("readwrite", (store) => store.put({ id, user, case: caseId, answer, settledAt: Date.now() })).catch(() => {});
}

/** What is not sent yet of this person in this clinic, oldest first. */
export async function unsent({ user, clinic }) {
  let parcels = [];
  try {
    parcels = await stored("readonly", (store) => store.getAll());
  } catch {
    // Nothing is kept here.
  }
  for (const { id, settledAt } of parcels) if (settledAt < Date.now() - TOLD_FOR) forget(id);
  return [...parcels, ...inMemory.values()]
    .filter((parcel) => !parcel.settledAt && !parcel.expiredAt && parcel.user === user && (!clinic || parcel.clinic === clinic))
    .sort((one, other) => one.addedAt - other.addedAt);
}

/**
 * Remove the bytes of what nobody came back for, whosever it is: not of what an open page is about, nor of what its
 * person, who is here now, has not been warned of.
 */
export async function expire({ user, clinic, here }) {
  const parcels = await stored("readonly", (store) => store.getAll()).catch(() => []);
  const open = await occupied();
  const now = Date.now();
  for (const { id, expiredAt } of parcels) if (expiredAt < now - MOURNED_FOR) await forget(id);
  for (const parcel of parcels) {
    if (parcel.settledAt || parcel.expiredAt || parcel.case === here || open.has(parcel.case)) continue;
    const mayBeWarned = parcel.user === user && parcel.clinic === clinic;
    if (mayBeWarned ? goesAt(parcel) > now : parcel.addedAt + KEPT_FOR > now || parcel.warnedAt + NOTICE > now) continue;
    await change(parcel.id, ({ id, user: whose, clinic: where }) => ({ id, user: whose, clinic: where, expiredAt: now }));
  }
}

/** When a parcel goes, if its person is warned of it now. */
export function goesAt({ addedAt, warnedAt }) {
  return Math.max(addedAt + KEPT_FOR, (warnedAt ?? Date.now()) + NOTICE);
}

/** Those of `parcels` that are old enough to be warned of; noted that their person was. */
export async function warned(parcels) {
  const old = parcels.filter((parcel) => parcel.addedAt + WARNED_FROM < Date.now());
  for (const { id } of old) await change(id, (parcel) => ({ warnedAt: Date.now(), ...parcel }));
  return old;
}

/** What went unsent and this person has not been told of yet. */
export async function expired({ user, clinic }) {
  const parcels = await stored("readonly", (store) => store.getAll()).catch(() => []);
  return parcels.filter((parcel) => parcel.expiredAt && parcel.user === user && parcel.clinic === clinic);
}

/** Change what is kept of a parcel, unless another tab has settled it meanwhile. */
async function change(id, changed) {
  await stored("readwrite", (store) => {
    const request = store.get(id);
    request.onsuccess = () => {
      const parcel = request.result;
      if (parcel && !parcel.settledAt && !parcel.expiredAt) store.put(changed(parcel));
    };
    return request;
  }).catch(() => {});
}

/** Forget everything of this person: they sign out. */
export async function clear(user) {
  inMemory.clear();
  const parcels = await stored("readonly", (store) => store.getAll()).catch(() => []);
  await Promise.all(parcels.filter((parcel) => parcel.user === user).map((parcel) => forget(parcel.id)));
}

/** Do `work` while no other tab does the same; where the browser has no locks, the photo's id makes it harmless. */
export function alone(id, work) {
  return navigator.locks ? navigator.locks.request(`skinclinic-photo-${id}`, work) : work();
}

/** Hold a case for as long as this page is open. */
export function occupy(caseId) {
  navigator.locks?.request(`skinclinic-case-${caseId}`, { mode: "shared" }, () => new Promise(() => {}));
}

/** The cases that some page of this browser is about right now. */
export async function occupied() {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return new Set(held.map(({ name }) => name.replace("skinclinic-case-", "")));
}

/** A UUIDv7: its time first, so that ids sort by it. */
export function newId() {
  const bytes = window.crypto.getRandomValues(new Uint8Array(16));
  const time = Date.now();
  for (let i = 0; i < 6; i += 1) bytes[i] = Math.floor(time / 2 ** (8 * (5 - i)));
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const text = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
