// The page of the next case is made up while this one is read, so that "next" shows it at once. A browser that does not
// prerender fetches it at least; where it knows no speculation rules at all, "next" asks the server as it always did.
// What is made up ahead reserves nothing: see arrival.js.
import { opened } from "./shown.js";

// Not while this page is still in the making: it comes first.
const REST = 400;
const next = document.querySelector('.case-head [data-shortcut="n"]');

function announce() {
  const rules = document.createElement("script");
  const wanted = [{ urls: [next.getAttribute("href")], eagerness: "immediate" }];
  rules.type = "speculationrules";
  rules.textContent = JSON.stringify({ prerender: wanted, prefetch: wanted });
  document.body.append(rules);
}

if (next && HTMLScriptElement.supports?.("speculationrules")) {
  const soon = () => window.setTimeout(announce, REST);
  opened.then(() => {
    if (document.readyState === "complete") soon();
    else window.addEventListener("load", soon);
  });
}
