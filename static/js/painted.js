/** Resolves after the page has been painted: what is not needed for that waits, so that it does not hold the photo up. */
export const painted = new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); });
