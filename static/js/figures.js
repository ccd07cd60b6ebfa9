// Draws the figures: each .figure holds its numbers as JSON (cases/figures/figure.py, `drawing`) and a canvas.
//
// Intervals and names are drawn by the plugin below, so that a chart needs no legend. A click on a bar or a point leads
// to the cases that it counts, as the same number of the table does; the table is for keyboards and screen readers.
const POINT = 4;

/** The page's colours as they are just now: light or dark. */
function colours() {
  const found = {};
  for (const tone of document.querySelectorAll("[data-tone]")) found[tone.dataset.tone] = getComputedStyle(tone).color;
  return found;
}

function inWords(value, drawing) {
  if (value === null || value === undefined) return "";
  if (drawing.percent) return `${Math.round(100 * value)} %`;
  if (Number.isInteger(value)) return value.toLocaleString();
  return (Math.round(100 * value) / 100 || 0).toFixed(2); // never -0.00
}

/** A label as lines of about so many letters: the chart gives long ones no room and cuts them. */
function inLines(label, letters) {
  const lines = [];
  for (const word of String(label).split(" ")) {
    const last = lines.at(-1);
    if (last && `${last} ${word}`.length <= letters) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function tooltip(drawing) {
  return (item) => {
    const series = drawing.series[item.datasetIndex];
    if (!series) return "";
    const low = series.low?.[item.dataIndex] ?? null;
    const value = inWords(series.values[item.dataIndex], drawing);
    if (low === null) return `${series.name}: ${value}`;
    return `${series.name}: ${value} (${inWords(low, drawing)} to ${inWords(series.high[item.dataIndex], drawing)})`;
  };
}

/** Intervals, points, values at the ends, names of lines, and the line to compare with. */
function marks(drawing, tones) {
  const sideways = drawing.kind === "points" || drawing.kind === "bars";
  return {
    id: "marks",
    afterDatasetsDraw(chart) {
      const { ctx, chartArea, scales } = chart;
      ctx.save();
      ctx.font = `12px ${window.Chart.defaults.font.family}`;
      ctx.textBaseline = "middle";
      drawing.series.forEach((series, number) => {
        const colour = tones[series.tone];
        chart.getDatasetMeta(number).data.forEach((element, place) => {
          if (series.values[place] === null) return;
          ctx.strokeStyle = ctx.fillStyle = colour;
          ctx.lineWidth = 1.5;
          const low = series.low?.[place] ?? null;
          let end = element.x;
          if (low !== null) end = Math.max(end, interval(ctx, element, sideways, scales, low, series.high[place]));
          if (drawing.kind === "points") point(ctx, element, series, tones);
          if (sideways) {
            ctx.fillStyle = tones.ink;
            ctx.textAlign = "left";
            ctx.fillText(inWords(series.values[place], drawing), end + 8, element.y);
          }
        });
        if (drawing.kind === "lines") name(chart, ctx, series, number, tones, drawing);
      });
      if (drawing.mark !== null && scales.y && !sideways) compared(ctx, chartArea, scales.y, drawing, tones);
      ctx.restore();
    },
  };
}

function interval(ctx, element, sideways, scales, low, high) {
  const along = sideways ? scales.x : scales.y;
  const [from, to] = [along.getPixelForValue(low), along.getPixelForValue(high)];
  ctx.beginPath();
  if (sideways) {
    ctx.moveTo(from, element.y);
    ctx.lineTo(to, element.y);
    for (const x of [from, to]) (ctx.moveTo(x, element.y - 4), ctx.lineTo(x, element.y + 4));
  } else {
    ctx.moveTo(element.x, from);
    ctx.lineTo(element.x, to);
    for (const y of [from, to]) (ctx.moveTo(element.x - 3, y), ctx.lineTo(element.x + 3, y));
  }
  ctx.stroke();
  return sideways ? to : element.x;
}

/** Full for what is measured, hollow for the second of two, a stroke for what it is compared with. */
function point(ctx, element, series, tones) {
  ctx.beginPath();
  if (series.is_reference) {
    ctx.lineWidth = 3;
    ctx.moveTo(element.x, element.y - 7);
    ctx.lineTo(element.x, element.y + 7);
    ctx.stroke();
    return;
  }
  ctx.arc(element.x, element.y, POINT, 0, 2 * Math.PI);
  if (series.is_second) {
    ctx.fillStyle = tones.surface;
    ctx.fill();
    ctx.stroke();
  } else ctx.fill();
}

/** The name of a line at its last point, where there are several. */
function name(chart, ctx, series, number, tones, drawing) {
  if (drawing.series.length < 2) return;
  const last = series.values.findLastIndex((value) => value !== null);
  const element = chart.getDatasetMeta(number).data[last];
  if (!element) return;
  ctx.fillStyle = tones[series.tone];
  ctx.textAlign = "right";
  const above = series.is_reference || element.y > chart.chartArea.bottom - 24 ? -12 : 14;
  ctx.fillText(series.name, Math.min(element.x + 4, chart.chartArea.right), element.y + above);
}

function compared(ctx, area, scale, drawing, tones) {
  const y = scale.getPixelForValue(drawing.mark);
  ctx.strokeStyle = ctx.fillStyle = tones.soft;
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(area.left, y);
  ctx.lineTo(area.right, y);
  ctx.stroke();
  ctx.textAlign = "left";
  ctx.fillText(`${drawing.markLabel} ${inWords(drawing.mark, drawing)}`, area.left + 4, y - 9);
}

function datasets(drawing, tones) {
  const found = drawing.series.map((series) => {
    const colour = tones[series.tone];
    const shared = { label: series.name, backgroundColor: colour, borderColor: colour, clip: 8 }; // no half points at the rim
    if (drawing.kind === "calibration") {
      const data = drawing.places.map((x, place) => ({ x, y: series.values[place] }));
      return { ...shared, data, showLine: true, pointRadius: POINT, pointHitRadius: 8, borderWidth: 2 };
    }
    if (drawing.kind === "lines") {
      return { ...shared, data: series.values, pointRadius: 3, pointHitRadius: 8, borderWidth: 2, borderDash: series.is_reference ? [3, 3] : [], tension: 0 };
    }
    const shown = drawing.kind === "bars" ? colour : "transparent";
    return { ...shared, data: series.values, backgroundColor: shown, borderWidth: 0, barThickness: 14 };
  });
  if (drawing.kind === "calibration") {
    const diagonal = [{ x: 0, y: 0 }, { x: 1, y: 1 }];
    found.push({ data: diagonal, showLine: true, pointRadius: 0, borderColor: tones.soft, borderDash: [4, 4], borderWidth: 1 });
  }
  return found;
}

function range(drawing) {
  if (drawing.percent) return { min: 0, max: 1 };
  const all = drawing.series.flatMap((series) => [...series.values, ...(series.low ?? []), ...(series.high ?? [])]);
  const known = [...all, drawing.mark].filter((value) => value !== null);
  if (drawing.kind === "points") return { min: Math.floor(4 * Math.min(0, ...known)) / 4, max: 1, ticks: { stepSize: 0.25 } };
  if (drawing.kind === "lines" && Math.min(...known) > 0.3 * Math.max(...known)) {
    const room = 0.15 * (Math.max(...known) - Math.min(...known)) || 1;
    return { suggestedMin: Math.min(...known) - room, suggestedMax: Math.max(...known) + room };
  }
  return { min: Math.min(0, ...known), suggestedMax: Math.max(1, ...known) * 1.08 };
}

function options(drawing, tones, figure) {
  const sideways = drawing.kind === "points" || drawing.kind === "bars";
  const { ticks: steps, ...ends } = range(drawing);
  const number = {
    ...ends,
    grid: { color: tones.line },
    border: { display: false },
    ticks: { ...steps, color: tones.soft, precision: drawing.percent ? undefined : sideways && drawing.kind === "bars" ? 0 : undefined, maxTicksLimit: 6, callback: (value) => inWords(value, drawing) },
  };
  const things = { grid: { display: false }, border: { color: tones.line }, ticks: { color: tones.soft, autoSkip: !sideways, maxRotation: 0, autoSkipPadding: 12 } };
  if (drawing.kind === "calibration") Object.assign(things, { type: "linear", min: 0, max: 1, ticks: number.ticks });
  return {
    indexAxis: sideways ? "y" : "x",
    animation: false,
    // Beside a row's end is at it, too: a short bar and a point's outer half could not be pointed at otherwise.
    interaction: sideways ? { mode: "nearest", axis: "y", intersect: false } : { mode: "nearest", intersect: true },
    maintainAspectRatio: false,
    layout: { padding: { right: sideways ? 52 : 16, top: 8 } },
    scales: sideways ? { x: number, y: things } : { x: things, y: number },
    plugins: { legend: { display: false }, tooltip: { callbacks: { label: tooltip(drawing) } } },
    onHover: (event, found) => {
      event.native.target.style.cursor = casesAt(drawing, found) ? "pointer" : "default";
    },
    onClick: (_event, found) => {
      const cases = casesAt(drawing, found);
      if (cases) window.location.assign(`${figure.dataset.cases}&${cases}`);
    },
  };
}

/** What leads to the cases of what the pointer is at; nothing at a line to compare with. */
function casesAt(drawing, found) {
  return found.map((each) => drawing.series[each.datasetIndex]?.cases[each.index]).find(Boolean);
}

function draw(figure) {
  const canvas = figure.querySelector("canvas");
  if (!canvas) return;
  const drawing = JSON.parse(document.getElementById(figure.dataset.figure).textContent);
  const tones = { ...colours(), surface: getComputedStyle(figure).backgroundColor };
  if (drawing.kind === "points" || drawing.kind === "bars") {
    drawing.labels = drawing.labels.map((label) => inLines(label, canvas.parentElement.clientWidth < 400 ? 16 : 32));
    const lines = Math.max(...drawing.labels.map((label) => label.length));
    const rows = drawing.labels.length * Math.max(22 * drawing.series.length + 8, 15 * lines + 8);
    canvas.parentElement.style.height = `${Math.max(96, rows + 44)}px`;
  }
  window.Chart.getChart(canvas)?.destroy();
  const type = { lines: "line", calibration: "scatter" }[drawing.kind] ?? "bar";
  const data = { labels: drawing.labels, datasets: datasets(drawing, tones) };
  window.Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  new window.Chart(canvas, { type, data, options: options(drawing, tones, figure), plugins: [marks(drawing, tones)] });
}

function drawAll() {
  for (const figure of document.querySelectorAll("[data-figure]")) draw(figure);
}

document.fonts.ready.then(drawAll);
new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
