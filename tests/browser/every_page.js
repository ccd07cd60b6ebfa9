// What every page is held to besides axe; each function returns the sentences of what is wrong. Used by test_every_page.py.
(() => {
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && element.checkVisibility({ visibilityProperty: true });
  };
  const named = (element) => element.outerHTML.replace(/\s+/g, " ").slice(0, 160);
  const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";

  /** What sticks out at the side, where anything does. */
  function sticksOut() {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const wide = [...document.body.querySelectorAll("*")].filter((each) => each.getBoundingClientRect().right > clientWidth + 1);
    return [`${scrollWidth} px wide in a window of ${clientWidth}: ${wide.slice(-1).map(named)}`];
  }

  /** A ring that is drawn: around the control, around what it covers (its label's words), or around what holds it. */
  function ringed(element) {
    const near = [element, element.nextElementSibling, element.parentElement, element.closest("tr, label, .drop, li")];
    return near.filter(Boolean).some((each) => {
      const style = getComputedStyle(each);
      return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none";
    });
  }

  function withoutFocusRing() {
    const before = document.activeElement;
    const without = [...document.querySelectorAll(CONTROLS)].filter((element) => {
      if (!shown(element) || element.disabled || element.tabIndex < 0) return false;
      element.focus({ focusVisible: true, preventScroll: true });
      return document.activeElement === element && !ringed(element);
    });
    before?.focus?.({ preventScroll: true });
    if (document.activeElement !== before) document.activeElement?.blur();
    return without.map(named);
  }

  /** On a phone: what a finger cannot hit. Links within sentences are as high as their line. */
  function tooSmallForAFinger() {
    const reach = (element) => {
      const label = element.matches("input[type=checkbox], input[type=radio]") && element.closest("label");
      const row = element.matches(".row-link") && element.closest("tr");
      return (row || label || element).getBoundingClientRect();
    };
    return [...document.querySelectorAll("a[class], button, input:not([type=hidden]), select, summary")]
      .filter((element) => shown(element) && getComputedStyle(element).display !== "inline" && !element.closest(".visually-hidden"))
      .filter((element) => !element.matches(".skip, .back-link, .openseadragon-canvas *") && reach(element).height < 43.5)
      .map((element) => `${Math.round(reach(element).height)} px: ${named(element)}`);
  }

  /** What moved while the page came; 0.1 is what the web at large calls good. */
  let shifted = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => (shifted += entry.value))).observe({ type: "layout-shift", buffered: true });
  const movedWhileLoading = () => (shifted > 0.02 ? [`layout shift ${shifted.toFixed(3)}`] : []);

  /** Words that stand letter below letter, because a neighbour has taken their place. */
  function tooNarrowToRead() {
    const said = (element) => [...element.childNodes].some((each) => each.nodeType === Node.TEXT_NODE && each.data.trim().length >= 6);
    return [...document.querySelectorAll("dt, dd, th, td, p, li, label, span, a, button")]
      .filter((element) => said(element) && !element.closest(".visually-hidden, .openseadragon-canvas *"))
      .filter((element) => element.getBoundingClientRect().width < 28 && element.getBoundingClientRect().height > 60)
      .map(named);
  }

  /** In a dark room: a page whose paper stays light. */
  function lightInTheDark() {
    const [paper] = [document.body, document.documentElement].map((each) => getComputedStyle(each).backgroundColor).filter((each) => each !== "rgba(0, 0, 0, 0)");
    const light = Math.max(...(paper ?? "rgb(255, 255, 255)").match(/[\d.]+/g).slice(0, 3).map(Number));
    return light > 96 ? [`the paper is ${paper}`] : [];
  }

  /** A tabindex above 0 tears the order of the keyboard from that of the page. */
  const outOfOrder = () => [...document.querySelectorAll("[tabindex]")].filter((each) => each.tabIndex > 0).map(named);

  /** What moves for those who asked for less motion, as every test's browser does. */
  function movesAllTheSame() {
    const longest = (times) => Math.max(...times.split(",").map(parseFloat));
    return [...document.body.querySelectorAll("*")]
      .filter((each) => {
        const style = getComputedStyle(each);
        const moves = style.animationName !== "none" && longest(style.animationDuration) > 0.01;
        return moves || longest(style.transitionDuration) > 0.01 || style.scrollBehavior === "smooth";
      })
      .slice(0, 3)
      .map(named);
  }

  window.pageChecks = { lightInTheDark, movedWhileLoading, movesAllTheSame, outOfOrder, sticksOut, tooNarrowToRead, tooSmallForAFinger, withoutFocusRing };
})();
