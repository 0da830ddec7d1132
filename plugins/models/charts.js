// Curves as uPlot charts: colours from the style sheet, drawn anew when the theme changes, as wide as their place.
import { el, day, number, percent } from "./dom.js";

const drawn = new Set();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const alpha = (name, share) => `color-mix(in srgb, ${colour(name)} ${share * 100}%, transparent)`;

document.addEventListener("themechange", () => { for (const redraw of drawn) redraw(); });

export function forget() { drawn.clear(); }

// title: what is seen; told: what is heard instead of the picture; options: made anew for each theme.
function figure(title, note, told, data, options, height = 260) {
  const place = el("div", { class: "plot", role: "img", "aria-label": told });
  let chart = null;
  const draw = () => {
    chart?.destroy();
    chart = new uPlot({ width: Math.max(place.clientWidth, 200), height, ...options() }, data, place);
  };
  const watch = new ResizeObserver(() => {
    if (place.clientWidth === 0) return;
    if (chart === null) draw();
    else chart.setSize({ width: place.clientWidth, height });
  });
  watch.observe(place);
  drawn.add(draw);
  return el("figure", {}, el("figcaption", {}, el("strong", {}, title), note ? el("span", {}, note) : null), place);
}

function axis(label, values, more = {}) {
  return {
    label, labelSize: 22, labelGap: 2, labelFont: "12px system-ui, sans-serif", font: "12px system-ui, sans-serif",
    stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, gap: 6, values, ...more,
  };
}

const tenths = (_, splits) => splits.map((value) => value.toFixed(value * 10 % 1 > 1e-6 && value * 10 % 1 < 1 - 1e-6 ? 2 : 1));
const fixed = (digits) => (_, splits) => splits.map((value) => value.toFixed(digits));
// Steps whose labels are exact: a rounded label would name another place than its line's.
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const share = (_, splits) => splits.map((value) => `${Math.round(value * 100)} %`);

// Dashed lines between points given in the chart's own units.
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

// Nothing is said of a value until the pointer is on the chart.
const said = (format) => (_, value) => (value === null || value === undefined ? "" : format(value));
const at = (label, digits = 3) => ({ label, value: said((value) => value.toFixed(digits)) });

export function roc(curve, metrics) {
  const told = `ROC curve. Area ${number(metrics.roc_auc)}.`;
  return figure("ROC", `area ${number(metrics.roc_auc, 3)}`, told, [curve.fpr, curve.tpr], () => base(
    axis("share of non-buyers called buyers", tenths), axis("share of buyers found", tenths),
    [at("non-buyers"), { ...at("buyers found"), stroke: colour("accent"), fill: alpha("accent", 0.08), width: 2 }],
    [[0, 0, 1, 1]], [[0, 1], [0, 1.02]]));
}

export function precisionRecall(curve, metrics) {
  const told = `Precision and recall. Average precision ${number(metrics.average_precision)}; `
    + `without skill ${number(metrics.prevalence)}.`;
  const none = metrics.prevalence ?? 0;
  return figure("Precision and recall", `average ${number(metrics.average_precision, 3)}, dashed: no skill`, told,
    [curve.recall, curve.precision], () => base(
      axis("recall: share of buyers found", tenths), axis("precision", tenths),
      [at("recall"), { ...at("precision"), stroke: colour("accent"), width: 2, paths: uPlot.paths.stepped({ align: -1 }) }],
      [[0, none, 1, none]], [[0, 1], [0, 1.02]]));
}

export function reliability(curve) {
  const top = Math.max(...curve.forecast, ...curve.observed, 0.01) * 1.1;
  const pairs = curve.forecast.map((x, i) => `${percent(x)} forecast, ${percent(curve.observed[i])} bought`);
  return figure("Calibration", "each point a tenth of the sessions", `Calibration: ${pairs.join("; ")}.`,
    [curve.forecast, curve.observed], () => base(
      axis("forecast chance to buy", share), axis("share that bought", share),
      [{ label: "forecast", value: said(percent) }, {
        label: "bought", value: said(percent), stroke: colour("accent"), width: 1.5,
        points: { show: true, size: 7, fill: colour("accent") },
      }],
      [[0, 0, top, top]], [[0, top], [0, top]]));
}

export function scores(bins) {
  const shares = (counts) => {
    const all = counts.reduce((sum, count) => sum + count, 0) || 1;
    return [...counts, counts[counts.length - 1]].map((count) => count / all); // the last step needs its right end
  };
  const buyers = shares(bins.buyers), others = shares(bins.others);
  const top = Math.max(...buyers, ...others) * 1.1;
  const group = (label, name) => ({
    label, value: said(percent), stroke: colour(name), fill: alpha(name, 0.28), width: 1.5,
    paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
  });
  return figure("Scores", "before calibration, each group as shares of itself",
    "Histogram of the scores of buyers and others.", [bins.edges, others, buyers], () => base(
      axis("score", tenths), axis("share of the group", share),
      [at("score", 2), group("others", "muted"), group("buyers", "warm")], [], [[0, 1], [0, top]]));
}

// One point a night with its 95 % interval; a ring where the night's model became champion; a line at each rollback.
export function nights(found, rollbacks, limit) {
  const rows = found.filter((night) => night.roc_auc !== null);
  const seconds = (iso) => Date.parse(iso) / 1000;
  const low = Math.min(...rows.map((r) => r.interval?.[0] ?? r.roc_auc), limit ?? 1);
  const high = Math.max(...rows.map((r) => r.interval?.[1] ?? r.roc_auc), limit ?? 0);
  const pad = Math.max((high - low) * 0.12, 0.005);
  const days = rows.map((r) => seconds(r.day));
  const range = [days[0] - 43200 * 1.5, days[days.length - 1] + 43200 * 1.5];
  const told = `ROC AUC of ${rows.length} nights, from ${number(low, 3)} to ${number(high, 3)} with intervals.`;
  const marks = (u) => drawNights(u, rows, days, rollbacks.map(seconds));
  return figure("ROC AUC, night by night", "bars: 95 % interval; ring: became champion; hollow: refused; upright line: rolled back", told,
    [days, rows.map((r) => r.roc_auc)], () => ({
      ...base(axis(null, (_, splits) => splits.map((s) => day(new Date(s * 1000).toISOString().slice(0, 10)).slice(0, -5)),
        { space: 70, incrs: [86400, 2 * 86400, 3 * 86400, 7 * 86400, 14 * 86400] }), axis(null, fixed(2)),
      [{ label: "data day", value: said((s) => day(new Date(s * 1000).toISOString().slice(0, 10))) },
        { ...at("ROC AUC"), stroke: alpha("accent", 0.35), width: 1.5, points: { show: false } }],
      limit === null ? [] : [[range[0], limit, range[1], limit]], [range, [low - pad, Math.min(high + pad, 1)]]),
      hooks: { drawAxes: limit === null ? [] : [guides([[range[0], limit, range[1], limit]])], draw: [marks] },
    }), 280);
}

function drawNights(u, rows, days, rollbacks) {
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

// Bars that are a list first: names and numbers stand beside them as text.
export function bars(rows, format) {
  const most = Math.max(...rows.map((row) => row.value ?? 0), 1e-12);
  return el("ol", { class: "bars" }, rows.map((row) => {
    const bar = el("span", { class: `bar ${row.state ?? ""}`, "aria-hidden": "true" });
    bar.style.setProperty("--share", `${Math.max((row.value ?? 0) / most * 100, row.value ? 0.5 : 0)}%`);
    return el("li", {}, el("span", { class: "name" }, row.name), bar, el("span", { class: "number" }, format(row)));
  }));
}
