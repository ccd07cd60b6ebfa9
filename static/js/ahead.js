// The page of the next case is fetched while this one is read, so that "next" shows it at once. Where a browser knows no
// speculation rules, "next" asks the server as it always did. What is fetched reserves nothing: see arrival.js.

// Not while this page is still in the making: it comes first.
const REST = 400;
const next = document.querySelector('.case-head [data-shortcut="n"]');

function announce() {
  const rules = document.createElement("script");
  rules.type = "speculationrules";
  rules.textContent = JSON.stringify({ prefetch: [{ urls: [next.getAttribute("href")], eagerness: "immediate" }] });
  document.body.append(rules);
}

if (next && HTMLScriptElement.supports?.("speculationrules")) {
  const soon = () => window.setTimeout(announce, REST);
  if (document.readyState === "complete") soon();
  else window.addEventListener("load", soon);
}
