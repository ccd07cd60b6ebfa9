/** Resolves when a person sees this page: a browser may make up a page ahead, scripts and all, and show it later or never. */
export const opened = document.prerendering
  ? new Promise((done) => { document.addEventListener("prerenderingchange", done, { once: true }); })
  : Promise.resolve();

/** Resolves after the page has been painted: what is not needed for that waits, so that it does not hold the photo up. */
export const painted = opened.then(() => new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); }));
