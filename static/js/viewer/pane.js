// One photo in OpenSeadragon: the small copy first, the original in the same place once it is there.

const SHOWABLE = new Set(["image/jpeg", "image/png", "image/webp"]);
const SMALL_SIDE = 512; // the short side of the upright copy (cases/pixels/picture.py)
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

/** What a link or an option says about its photo; a picture that says nothing of its size is as large as it is. */
export function photoOf(element) {
  const { src, full, type, width, height, pixelsPerMm } = element.dataset;
  const size = width ? { width: Number(width), height: Number(height) } : { width: element.naturalWidth, height: element.naturalHeight };
  return { src, full, type, ...size, pixelsPerMm: Number(pixelsPerMm) || 0 };
}

/** Both files as one pyramid of two levels, so that the change from one to the other moves nothing. */
export function source(photo) {
  const small = Math.min(1, SMALL_SIDE / Math.min(photo.width, photo.height));
  const levels = [{ url: photo.src, width: Math.round(photo.width * small), height: Math.round(photo.height * small) }];
  if (small < 1 && SHOWABLE.has(photo.type)) levels.push({ url: photo.full, width: photo.width, height: photo.height });
  else Object.assign(levels[0], { width: photo.width, height: photo.height });
  return { type: "legacy-image-pyramid", levels };
}

// OpenSeadragon would put a style of its own into the page (no outline of focus on phones), which the content policy
// forbids; it does not where it finds the mark of one. This is no style but an element of the same name.
const mark = document.createElementNS("urn:skinclinic", "style");
mark.setAttribute("data-openseadragon-mobile-css", "");
document.head.append(mark);

/** A viewer in `element`. Every photo lies in the unit of its own width, whatever its size in pixels. */
export function makePane(element) {
  const pane = window.OpenSeadragon({
    element,
    drawer: "canvas",
    showNavigationControl: false,
    animationTime: calm.matches ? 0 : 0.12,
    blendTime: 0,
    visibilityRatio: 0.5,
    minZoomImageRatio: 0.5,
    maxZoomPixelRatio: 16,
    zoomPerScroll: 1.25,
    keyboardNavEnabled: false,
    silenceMultiImageWarnings: true,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    gestureSettingsTouch: { pinchRotate: false, flickEnabled: !calm.matches },
  });
  pane.canvas.setAttribute("role", "application");
  pane.canvas.setAttribute("aria-label", element.dataset.label);
  // OpenSeadragon's own letters would collide with the keys for reading.
  pane.addHandler("canvas-key", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.originalEvent.key];
    if (!step || event.originalEvent.altKey || event.originalEvent.ctrlKey || event.originalEvent.metaKey) return;
    event.originalEvent.preventDefault();
    pan(pane, step[0] * 40, step[1] * 40);
  });
  // Scaled down, a fine network of lines must not turn into a moiré; scaled up, a pixel is a pixel.
  pane.addHandler("update-viewport", () => {
    pane.drawer.context.imageSmoothingQuality = "high";
  });
  // While the whole photo is seen, one finger scrolls the page; afterwards it moves the photo.
  let whole = true;
  let width = element.clientWidth;
  pane.addHandler("zoom", () => {
    if (element.clientWidth !== width) return; // the stage changed, not the view
    whole = pane.viewport.getZoom() <= pane.viewport.getHomeZoom() * 1.01;
    pane.canvas.style.touchAction = whole ? "pan-y" : "none";
  });
  pane.addHandler("after-resize", () => {
    // Not at once: OpenSeadragon has yet to carry the zoom over to the new size.
    window.queueMicrotask(() => {
      width = element.clientWidth;
      if (whole && pane.world.getItemCount()) pane.viewport.goHome(true);
    });
  });
  return pane;
}

export function pan(pane, x, y) {
  const by = pane.viewport.deltaPointsFromPixels(new window.OpenSeadragon.Point(x, y));
  pane.viewport.panBy(by);
  pane.viewport.applyConstraints();
}

export function zoomBy(pane, factor) {
  pane.viewport.zoomBy(factor);
  pane.viewport.applyConstraints();
}

/** One pixel of the original on one pixel of the screen. */
export function pixelForPixel(pane, photo) {
  const shown = pane.viewport.getContainerSize().x * window.devicePixelRatio;
  pane.viewport.zoomTo(photo.width / shown);
}

export function fit(pane) {
  pane.viewport.setRotation(0, true);
  pane.viewport.goHome(calm.matches);
}
