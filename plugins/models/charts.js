// uPlot charts: colours from the style sheet, redrawn when the theme changes, as wide as their container.
import { el, day, number, percent } from "./dom.js";

const redraws = new Set();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const alpha = (name, share) => `color-mix(in srgb, ${colour(name)} ${share * 100}%, transparent)`;

document.addEventListener("themechange", () => { for (const redraw of redraws) redraw(); });

export function forget() { redraws.clear(); }

// title and note: the caption; description: read by screen readers; options: a function, called again for each theme.
function figure(title, note, description, data, options, height = 260) {
  const container = el("div", { class: "plot", role: "img", "aria-label": description });
  let chart = null;
  const draw = () => {
    chart?.destroy();
    chart = new uPlot({ width: Math.max(container.clientWidth, 200), height, ...options() }, data, container);
  };
  const observer = new ResizeObserver(() => {
    if (container.clientWidth === 0) return;
    if (chart === null) draw();
    else chart.setSize({ width: container.clientWidth, height });
  });
  observer.observe(container);
  redraws.add(draw);
  return el("figure", {}, el("figcaption", {}, el("strong", {}, title), note ? el("span", {}, note) : null), container);
}

function axis(label, values, more = {}) {
  return {
    label, labelSize: 22, labelGap: 2, labelFont: "12px system-ui, sans-serif", font: "12px system-ui, sans-serif",
    stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, gap: 6, values, ...more,
  };
}

const tenths = (_, splits) => splits.map((value) => value.toFixed(value * 10 % 1 > 1e-6 && value * 10 % 1 < 1 - 1e-6 ? 2 : 1));
const fixed = (digits) => (_, splits) => splits.map((value) => value.toFixed(digits));
// Tick steps with exact labels; a rounded label would not match its grid line.
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const percents = (_, splits) => splits.map((value) => `${Math.round(value * 100)} %`);

// Dashed lines between points in data coordinates.
function guides(lines) {
  return (u) => {
    const { ctx } = u;
    ctx.save();
    ctx.strokeStyle = colour("muted");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const [x0, y0, x1, y1] of lines) {
      ctx.beginPath();
      ctx.moveTo(u.valToPos(x0, "x", true), u.valToPos(y0, "y", true));
      ctx.lineTo(u.valToPos(x1, "x", true), u.valToPos(y1, "y", true));
      ctx.stroke();
    }
    ctx.restore();
  };
}

function base(x, y, series, lines, ranges) {
  return {
    scales: { x: { time: false, range: ranges[0] }, y: { range: ranges[1] } },
    axes: [{ size: 30, incrs: STEPS, ...x }, { size: 46, incrs: STEPS, ...y }],
    series,
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    legend: { markers: { width: 0, fill: (u, i) => u.series[i].stroke?.(u, i) ?? null } },
    hooks: { drawAxes: [guides(lines)] },
  };
}

// The legend shows values only while the pointer is on the chart.
const legend = (format) => (_, value) => (value === null || value === undefined ? "" : format(value));
const at = (label, digits = 3) => ({ label, value: legend((value) => value.toFixed(digits)) });

export function roc(curve, metrics) {
  const description = `ROC curve. Area ${number(metrics.roc_auc)}.`;
  return figure("ROC", `area ${number(metrics.roc_auc)}`, description, [curve.fpr, curve.tpr], () => base(
    axis("false positive rate", tenths), axis("true positive rate", tenths),
    [at("false positive rate"), { ...at("true positive rate"), stroke: colour("accent"), fill: alpha("accent", 0.08), width: 2 }],
    [[0, 0, 1, 1]], [[0, 1], [0, 1.02]]));
}

export function precisionRecall(curve, metrics) {
  const description = `Precision and recall. Average precision ${number(metrics.average_precision)}, `
    + `prevalence ${percent(metrics.prevalence)}.`;
  const prevalence = metrics.prevalence ?? 0;
  return figure("Precision and recall", `average precision ${number(metrics.average_precision)}, dashed: prevalence`, description,
    [curve.recall, curve.precision], () => base(
      axis("recall", tenths), axis("precision", tenths),
      [at("recall"), { ...at("precision"), stroke: colour("accent"), width: 2, paths: uPlot.paths.stepped({ align: -1 }) }],
      [[0, prevalence, 1, prevalence]], [[0, 1], [0, 1.02]]));
}

export function reliability(curve) {
  const top = Math.max(...curve.forecast, ...curve.observed, 0.01) * 1.1;
  const pairs = curve.forecast.map((x, i) => `predicted ${percent(x)}, observed ${percent(curve.observed[i])}`);
  return figure("Calibration", "each point: a tenth of the sessions", `Calibration: ${pairs.join("; ")}.`,
    [curve.forecast, curve.observed], () => base(
      axis("predicted probability", percents), axis("observed share of buyers", percents),
      [{ label: "predicted", value: legend(percent) }, {
        label: "observed", value: legend(percent), stroke: colour("accent"), width: 1.5,
        points: { show: true, size: 7, fill: colour("accent") },
      }],
      [[0, 0, top, top]], [[0, top], [0, top]]));
}

export function scores(bins) {
  const shares = (counts) => {
    const total = counts.reduce((sum, count) => sum + count, 0) || 1;
    return [...counts, counts[counts.length - 1]].map((count) => count / total); // the last bin needs a right edge
  };
  const buyers = shares(bins.buyers), nonBuyers = shares(bins.others);
  const top = Math.max(...buyers, ...nonBuyers) * 1.1;
  const group = (label, name) => ({
    label, value: legend(percent), stroke: colour(name), fill: alpha(name, 0.28), width: 1.5,
    paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
  });
  return figure("Scores", "before calibration, share within each group",
    "Histogram of the scores of buyers and non-buyers.", [bins.edges, nonBuyers, buyers], () => base(
      axis("score", tenths), axis("share of the group", percents),
      [at("score", 2), group("non-buyers", "muted"), group("buyers", "warm")], [], [[0, 1], [0, top]]));
}

// One point per data day with its 95 % CI; a ring if the day's model was promoted; a vertical line at each rollback.
export function trend(dataDays, rollbacks, limit) {
  const rows = dataDays.filter((one) => one.roc_auc !== null);
  const seconds = (iso) => Date.parse(iso) / 1000;
  const low = Math.min(...rows.map((r) => r.interval?.[0] ?? r.roc_auc), limit ?? 1);
  const high = Math.max(...rows.map((r) => r.interval?.[1] ?? r.roc_auc), limit ?? 0);
  const pad = Math.max((high - low) * 0.12, 0.005);
  const days = rows.map((r) => seconds(r.day));
  const range = [days[0] - 43200 * 1.5, days[days.length - 1] + 43200 * 1.5];
  const description = `ROC AUC of ${rows.length} days, intervals from ${number(low)} to ${number(high)}.`;
  const marks = (u) => drawDays(u, rows, days, rollbacks.map(seconds));
  return figure("ROC AUC per data day", "bars: 95 % CI; ring: promoted; hollow: refused; vertical line: rollback", description,
    [days, rows.map((r) => r.roc_auc)], () => ({
      ...base(axis(null, (_, splits) => splits.map((s) => day(new Date(s * 1000).toISOString().slice(0, 10)).slice(0, -5)),
        { space: 70, incrs: [86400, 2 * 86400, 3 * 86400, 7 * 86400, 14 * 86400] }), axis(null, fixed(2)),
      [{ label: "data day", value: legend((s) => day(new Date(s * 1000).toISOString().slice(0, 10))) },
        { ...at("ROC AUC"), stroke: alpha("accent", 0.35), width: 1.5, points: { show: false } }],
      limit === null ? [] : [[range[0], limit, range[1], limit]], [range, [low - pad, Math.min(high + pad, 1)]]),
      hooks: { drawAxes: limit === null ? [] : [guides([[range[0], limit, range[1], limit]])], draw: [marks] },
    }), 280);
}

function drawDays(u, rows, days, rollbacks) {
  const { ctx } = u, ratio = devicePixelRatio;
  const x = (value) => u.valToPos(value, "x", true), y = (value) => u.valToPos(value, "y", true);
  const stroke = (x0, y0, x1, y1) => { ctx.beginPath(); ctx.moveTo(x0, y0); ctx.lineTo(x1, y1); ctx.stroke(); };
  ctx.save();
  ctx.lineWidth = 1.5 * ratio;
  ctx.strokeStyle = colour("warm");
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  for (const when of rollbacks) {
    if (when >= u.scales.x.min && when <= u.scales.x.max) stroke(x(when), u.bbox.top, x(when), u.bbox.top + u.bbox.height);
  }
  ctx.setLineDash([]);
  rows.forEach((row, i) => {
    const ink = row.passed === false ? colour("bad") : colour("accent");
    ctx.strokeStyle = ink;
    if (row.interval) stroke(x(days[i]), y(row.interval[0]), x(days[i]), y(row.interval[1]));
    disc(ctx, x(days[i]), y(row.roc_auc), 3.5 * ratio, row.passed === false ? colour("paper") : ink, ink);
    if (row.promoted) disc(ctx, x(days[i]), y(row.roc_auc), 7 * ratio, null, colour("good"));
  });
  ctx.restore();
}

function disc(ctx, x, y, radius, fill, stroke) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.strokeStyle = stroke;
  if (fill) { ctx.fillStyle = fill; ctx.fill(); }
  ctx.stroke();
}

// A list with bars; names and numbers are text.
export function bars(rows, format) {
  const largest = Math.max(...rows.map((row) => row.value ?? 0), 1e-12);
  return el("ol", { class: "bars" }, rows.map((row) => {
    const bar = el("span", { class: `bar ${row.state ?? ""}`, "aria-hidden": "true" });
    bar.style.setProperty("--share", `${Math.max((row.value ?? 0) / largest * 100, row.value ? 0.5 : 0)}%`);
    return el("li", {}, el("span", { class: "name" }, row.name), bar, el("span", { class: "number" }, format(row)));
  }));
}
