// The worklist by keyboard (j and k walk through the rows, Enter opens one), and filters that need no button.
import { mayAct } from "./shortcuts.js";
import "./polling.js";

function walk(step) {
  const links = [...document.querySelectorAll(".worklist .row-link")];
  const here = links.indexOf(document.activeElement);
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : here + step;
  links[next]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (!mayAct(event)) return;
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    walk(event.key === "j" ? 1 : -1);
  }
});

for (const form of document.querySelectorAll("[data-submit-on-change]")) {
  form.classList.add("submits-itself");
  form.addEventListener("change", () => form.requestSubmit());
  // An empty field says nothing: it need not stand in the address.
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
  });
}

for (const button of document.querySelectorAll(".filters-open")) {
  button.addEventListener("click", () => {
    button.ariaExpanded = button.ariaExpanded === "true" ? "false" : "true";
  });
}

// The list keeps up by itself: with every fresh count the rows are fetched anew. While somebody is about to use one, no
// row moves under their hand: what each row says is renewed where it stands, a row that is gone says so, and a link says
// what came. It never shows first and goes under a doctor's hand.
const inUse = (list) => list.matches(":hover") || list.contains(document.activeElement);
const RENEWED = ["urgency", "ai", "due", "state"];

const rowsOf = (list) => [...list.querySelectorAll(".worklist tbody tr")];
const caseOf = (row) => row.querySelector(".row-link").getAttribute("href");
const cellOf = (row, name) => row.querySelector(`[data-cell="${name}"]`);

function renew(row, fresh) {
  row.classList.remove("row-gone");
  for (const name of RENEWED) {
    const [cell, height] = [cellOf(row, name), row.offsetHeight];
    const renewed = cellOf(fresh, name).cloneNode(true);
    cell.replaceWith(renewed);
    if (row.offsetHeight !== height) renewed.replaceWith(cell); // on a phone a word more can be a line more
  }
}

function markGone(row, words) {
  row.classList.add("row-gone");
  cellOf(row, "due").replaceChildren();
  cellOf(row, "state").replaceChildren(words);
  cellOf(row, "state").removeAttribute("data-plain");
}

// Whether rows that stay would stand in another order.
function renewInPlace(list, fresh) {
  const found = new Map(rowsOf(fresh).map((row) => [caseOf(row), row]));
  const rows = rowsOf(list);
  // What came may have pushed the last rows onto the next page: they are not gone.
  const last = fresh.querySelector("[rel=next]") ? rows.findLastIndex((row) => found.has(caseOf(row))) : rows.length;
  for (const [place, row] of rows.entries()) {
    const same = found.get(caseOf(row));
    if (same) renew(row, same);
    else if (place < last) markGone(row, list.dataset.gone);
  }
  const [here, there] = [rows.map(caseOf), [...found.keys()]];
  const order = here.filter((address) => found.has(address));
  return there.filter((address) => here.includes(address)).some((address, place) => address !== order[place]);
}

// Counts of saved views; not under a pointer, and not while a name is typed.
function renewViews(page) {
  const [views, fresh] = [document.getElementById("saved-views"), page.getElementById("saved-views")];
  if (!fresh || views.matches(":hover, :focus-within") || views.querySelector("details[open]")) return;
  views.replaceWith(fresh);
}

// Whether the whole list was renewed, so that nothing is left to tell.
async function refreshed() {
  const list = document.querySelector("#worklist-list[data-live]");
  if (!list || document.visibilityState === "hidden") return false;
  const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const parts = ["worklist-list", "worklist-counts"].map((id) => page.getElementById(id));
  if (!parts.every(Boolean)) return false;
  renewViews(page);
  if (inUse(list)) {
    const moved = renewInPlace(list, parts[0]);
    document.querySelector(".worklist-news [data-moved]").hidden = !moved;
    return false;
  }
  for (const fresh of parts) {
    document.getElementById(fresh.id).replaceWith(fresh);
    window.htmx.process(fresh);
  }
  return true;
}

// On a phone the tabs are wider than the window: the one that is open stands in it.
function showTab() {
  const tab = document.querySelector("#worklist-counts [aria-current]");
  if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - (tab.parentElement.clientWidth - tab.offsetWidth) / 2;
}
showTab();

document.body.addEventListener("htmx:afterSettle", async (event) => {
  if (event.target.id !== "worklist-counts") return;
  showTab();
  const kept = !(await refreshed().catch(() => false));
  if (kept) for (const news of document.querySelectorAll(".worklist-news [data-arrived]")) news.hidden = false;
});
