// Loaded in <head> as a plain blocking script, so that the theme is set before the first paint.
// "light" and "dark" are remembered in this browser; anything else follows the system.
(function () {
  "use strict";
  var KEY = "skinclinic-theme";
  var system = window.matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return window.localStorage.getItem(KEY) || "system";
    } catch {
      return "system"; // storage can be forbidden; the system's theme is a fine answer then
    }
  }

  function apply() {
    var choice = chosen();
    var dark = choice === "dark" || (choice !== "light" && system.matches);
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
    document.querySelectorAll("[data-theme-choice]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    });
  }

  apply();
  system.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  document.addEventListener("DOMContentLoaded", apply);
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    try {
      window.localStorage.setItem(KEY, button.dataset.themeChoice);
    } catch {
      // Not remembered, and nothing else to do about it.
    }
    apply();
  });
})();
