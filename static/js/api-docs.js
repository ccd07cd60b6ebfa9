// The API's page: Swagger UI's dark side follows the theme that theme.js has set. Loaded in <head>, before the first paint.
(function () {
  "use strict";
  const page = document.documentElement;
  const follow = () => page.classList.toggle("dark-mode", page.dataset.bsTheme === "dark");
  new MutationObserver(follow).observe(page, { attributeFilter: ["data-bs-theme"] });
  follow();
})();
