// The chosen run: its verdict, rules, curves, data and timing.
import * as charts from "./charts.js";
import { airflowLink, copyButton, day, duration, el, moment, number, percent, section, shortDigest, span, table, words } from "./dom.js";

const OUTCOMES = {
  promoted: ["good", "✓", "Promoted"],
  published: ["good", "✓", "Published, not promoted"],
  refused: ["warm", "✕", "Refused"],
  failed: ["bad", "!", "Failed"],
  unfinished: ["muted", "…", "Not finished"],
};

const taskPath = (run, step) => `dags/retrain/runs/${encodeURIComponent(run.run_id)}/tasks/${step}`;

export function verdict(run) {
  const [tone, sign, name] = OUTCOMES[run.outcome] ?? OUTCOMES.unfinished;
  const [headline, rest] = headlineOf(run);
  return el("section", { class: `verdict ${tone}`, "aria-labelledby": "headline" },
    el("p", { class: "badge" }, el("span", { "aria-hidden": "true" }, sign), ` ${name}`),
    el("h2", { id: "headline" }, headline),
    rest ? el("p", { class: "why" }, rest) : null,
    run.model ? figures(run.model.metrics) : null,
    el("p", { id: "champion" }),
    el("p", { class: "quiet" },
      `Data of ${day(run.day)} · ended ${moment(run.ended)} · `, links(run)));
}

// The sentence as it stands in the log; long reasons of a failure go below the headline.
function headlineOf(run) {
  if (run.outcome !== "failed") return [run.sentence.replace(/^Refused: /, ""), ""];
  const [first, ...rest] = run.sentence.split(": ");
  return [`${first}.`, rest.join(": ")];
}

function links(run) {
  const card = run.model?.card ? el("a", { href: run.model.card }, "Model card") : null;
  const docs = run.data.check?.docs ? el("a", { href: run.data.check.docs }, "Data Docs") : null;
  const log = airflowLink(`dags/retrain/runs/${encodeURIComponent(run.run_id)}`, "Run in Airflow");
  return [card, docs, log].filter(Boolean).flatMap((link, i) => (i ? [" · ", link] : [link]));
}

function figures(metrics) {
  const shown = [
    ["ROC AUC", number(metrics.roc_auc), metrics.roc_auc_interval ? `95 %: ${span(metrics.roc_auc_interval)}` : null],
    ["Average precision", number(metrics.average_precision), averagePrecisionNote(metrics)],
    ["Log loss", number(metrics.log_loss), metrics.base_log_loss ? `constant forecast: ${number(metrics.base_log_loss, 3)}` : null],
    ["Buyers judged on", number(metrics.positives), `of ${number(metrics.examples)} sessions`],
  ];
  return el("dl", { class: "figures" }, shown.map(([name, value, note]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value, note ? el("small", {}, note) : null))));
}

function averagePrecisionNote(metrics) {
  const around = metrics.average_precision_interval ? `95 %: ${span(metrics.average_precision_interval)}; ` : "";
  return metrics.prevalence ? `${around}no skill: ${number(metrics.prevalence, 3)}` : null;
}

export function rules(run) {
  if (!run.rules.length && !run.probe) return null;
  const head = [{ unseen: "Result", class: "mark" }, { label: "Rule" }, { label: "Value", number: true }, { label: "Limit" }];
  const rows = run.rules.map((rule) => ({
    class: rule.passed ? null : "failed",
    cells: [mark(rule.passed), [ruleName(rule), rule.passed ? null : el("small", {}, rule.why)],
      number(rule.value), rule.limit],
  }));
  if (run.probe && !run.rules.some((rule) => rule.name.startsWith("probe"))) {
    rows.push({ class: run.probe.passed ? null : "failed", cells: [mark(run.probe.passed),
      ["image answers as Spark does", el("small", {}, run.probe.sentence)], number(run.probe.rows), "every row"] });
  }
  return section("Rules", table("Each rule with what was found and what is asked", head, rows, "short"));
}

const mark = (passed) => el("span", { class: passed ? "good" : "bad" },
  el("span", { "aria-hidden": "true" }, passed ? "✓" : "✕"), el("span", { class: "unseen" }, passed ? "holds" : "does not hold"));

// "buyers in the holdout: 184 (at least 30)" names the rule in words; the name of a rule is its fallback.
function ruleName(rule) {
  const name = rule.why.includes(": ") ? rule.why.split(": ")[0] : words(rule.name);
  return rule.name === "suspicious_roc_auc" ? `${name}, too good to be true` : name;
}

export function model(run) {
  if (!run.model) return null;
  const { curves, metrics, importances } = run.model;
  if (!curves) {
    const why = Object.values(metrics.missing ?? {})[0];
    const text = why ? `There are no curves: ${why}.` : "A later run of the same day has replaced this run's curves.";
    return section("The model", el("p", { class: "quiet" }, text), slices(metrics));
  }
  const drawn = [
    curves.roc && charts.roc(curves.roc, metrics),
    curves.precision_recall && charts.precisionRecall(curves.precision_recall, metrics),
    curves.reliability && charts.reliability(curves.reliability),
    curves.histogram && charts.scores(curves.histogram),
  ];
  return section("The model", against(run.model.champion), el("div", { class: "charts" }, drawn), slices(metrics), important(importances));
}

// The champion on the same sessions, where the evaluation re-scored it.
function against(champion) {
  if (!champion || champion.state === "none") return null;
  const found = champion.comparison;
  if (!found) return el("p", { class: "quiet" }, `Not held against the champion: ${champion.why}.`);
  const signed = (value) => `${value < 0 ? "−" : "+"}${number(Math.abs(value))}`;
  const around = found.interval ? ` (95 %: ${signed(found.interval[0])} to ${signed(found.interval[1])})` : "";
  return el("p", {}, "Against the champion ", el("code", {}, champion.model_id ?? ""),
    ` on the same sessions: ROC AUC ${signed(found.difference)}${around}.`);
}

// Parts of the holdout, where the evaluation looked at them: any list of named parts with numbers.
function slices(metrics) {
  const found = Array.isArray(metrics.slices) ? metrics.slices : [];
  if (!found.length) return null;
  const head = [{ label: "Sessions" }, { label: "ROC AUC", number: true }, { label: "95 % interval" },
    { label: "Buyers", number: true }, { label: "Sessions judged on", number: true }];
  const rows = found.map((slice) => ({ cells: [`${words(slice.by)}: ${slice.value}`,
    number(slice.roc_auc), span(slice.interval), number(slice.positives), number(slice.examples)] }));
  return el("details", {}, el("summary", {}, "Parts of the sessions"), table("Metrics by part", head, rows));
}

function important(importances) {
  const rows = Object.entries(importances ?? {}).sort((a, b) => b[1] - a[1]).map(([name, value]) => ({ name, value }));
  if (!rows.length) return null;
  const first = rows.slice(0, 10), rest = rows.slice(10);
  const format = (row) => percent(row.value);
  return [el("h3", {}, "What the forest looks at"), charts.bars(first, format),
    rest.length ? el("details", {}, el("summary", {}, `${rest.length} more features`), charts.bars([...first.slice(0, 1), ...rest], format)) : null];
}

export function data(run) {
  const { check, excluded, quarantined } = run.data;
  const counts = [["lines read", run.data.lines], ["events kept", run.data.events],
    ["late events taken", run.data.late_taken],
    ...Object.entries(excluded ?? {}).map(([why, n]) => [`left out: ${words(why)}`, n || null]),
    ...Object.entries(quarantined ?? {}).map(([why, n]) => [`set aside: ${words(why)}`, n || null]),
    ["sessions to judge on", run.data.examples], ["buyers among them", run.data.buyers]];
  const known = counts.filter(([, n]) => n !== null && n !== undefined);
  if (!known.length && !check) return null;
  const list = known.length ? el("dl", { class: "counts" }, known.map(([name, n]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, number(n))))) : null;
  return section("The data", check ? checkLine(check) : null, list, check ? expectations(check) : null);
}

function checkLine(check) {
  return el("p", {}, mark(check.passed), ` ${check.sentence} `, check.docs ? el("a", { href: check.docs }, "Data Docs") : null);
}

function expectations(check) {
  const head = [{ unseen: "Result", class: "mark" }, { label: "Expectation" }, { label: "Observed", number: true }, { label: "Expected" }];
  const rows = [...(check.outcomes ?? [])].sort((a, b) => a.passed - b.passed).map((one) => ({
    class: one.passed ? null : "failed",
    cells: [mark(one.passed), [words(one.name), one.why ? el("small", {}, one.why) : null], number(one.observed), one.expected],
  }));
  if (!rows.length) return null;
  return el("details", { open: !check.passed }, el("summary", {}, `${rows.length} expectations`), table("Expectations of the day's events", head, rows, "short"));
}

export function timing(run) {
  const rows = run.steps.map((step) => ({ ...step, value: step.seconds,
    name: step.state === "not run" ? words(step.step) : airflowLink(taskPath(run, step.step), words(step.step)) }));
  const format = (row) => (row.state === "done" ? duration(row.seconds) : row.state);
  return section("The time it took", el("p", { class: "quiet" }, `${duration(run.seconds)} of work in all.`), charts.bars(rows, format));
}

export function image(published) {
  const reference = `${published.image}@${published.digest}`;
  return el("p", { id: "image", class: "reference" }, el("span", { class: "quiet" }, "Image "), el("code", {}, reference), " ",
    copyButton(reference, "the image's reference"), el("span", { class: "unseen" }, shortDigest(published.digest)));
}

// What serves now, whatever the chosen run came to.
export function champion(serving) {
  if (!serving.champion) return ["No model serves yet."];
  return ["Champion: ", el("code", {}, serving.model_id ?? shortDigest(serving.champion)),
    serving.since ? `, since ${moment(serving.since)}.` : "."];
}
