// The sections of the selected run: verdict, rules, curves, data, step durations.
import * as charts from "./charts.js";
import { airflowLink, copyButton, day, duration, el, number, percent, section, shortDigest, span, table, timestamp, words } from "./dom.js";

const OUTCOMES = {
  promoted: ["good", "✓", "Promoted"],
  reproduced: ["good", "✓", "Champion reproduced"],
  published: ["good", "✓", "Published, not promoted"],
  refused: ["warm", "✕", "Refused"],
  failed: ["bad", "!", "Failed"],
  superseded: ["muted", "–", "Superseded by a later run"],
  unfinished: ["muted", "…", "In progress"],
};

const taskPath = (run, step) => `dags/retrain/runs/${encodeURIComponent(run.run_id)}/tasks/${step}`;

export function verdict(run) {
  const [tone, symbol, name] = OUTCOMES[run.outcome] ?? OUTCOMES.unfinished;
  const [headline, rest] = headlineOf(run);
  return el("section", { class: `verdict ${tone}`, "aria-labelledby": "headline" },
    el("p", { class: "badge" }, el("span", { "aria-hidden": "true" }, symbol), ` ${name}`),
    el("h2", { id: "headline" }, headline),
    rest ? el("p", { class: "why" }, rest) : null,
    el("p", { id: "replaced" }),
    run.model ? figures(run.model.metrics) : null,
    el("p", { id: "champion" }),
    el("p", { class: "quiet" },
      `Data of ${day(run.day)} · ended ${timestamp(run.ended)} · `, links(run)));
}

// The same sentence as in the task's log; the details of a failure go below the headline.
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
  const entries = [
    ["ROC AUC", number(metrics.roc_auc), metrics.roc_auc_interval ? `95 % CI: ${span(metrics.roc_auc_interval)}` : null],
    ["Average precision", number(metrics.average_precision), averagePrecisionNote(metrics)],
    ["Log loss", number(metrics.log_loss), metrics.base_log_loss ? `predicting the prevalence: ${number(metrics.base_log_loss)}` : null],
    ["Calibration error", number(metrics.calibration_error), calibrationNote(metrics.calibration_ratio)],
    ["Buying sessions in the holdout", number(metrics.positives), `of ${number(metrics.examples)} sessions`],
  ];
  return el("dl", { class: "figures" }, entries.map(([name, value, note]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value, note ? el("small", {}, note) : null))));
}

// Calibration in the large; evaluations of earlier versions do not have it.
function calibrationNote(measured) {
  if (!measured) return null;
  const interval = measured.interval ? ` (95 % CI: ${span(measured.interval, 2)})` : "";
  return `forecast / prevalence: ${number(measured.ratio, 2)}${interval}`;
}

function averagePrecisionNote(metrics) {
  const interval = metrics.average_precision_interval ? `95 % CI: ${span(metrics.average_precision_interval)}; ` : "";
  return metrics.prevalence ? `${interval}prevalence: ${percent(metrics.prevalence)}` : null;
}

export function rules(run) {
  if (!run.rules.length && !run.probe) return null;
  const head = [{ hiddenLabel: "Result", class: "mark" }, { label: "Rule" }, { label: "Value", number: true }, { label: "Limit" }];
  const rows = run.rules.map((rule) => ({
    class: rule.passed ? null : "failed",
    cells: [rule.passed && rule.value === null ? notChecked() : mark(rule.passed), [ruleName(rule), note(rule), rule.note ? el("small", { class: "bad" }, rule.note) : null],
      number(rule.value), rule.limit],
  }));
  if (run.probe && !run.rules.some((rule) => rule.name.startsWith("probe"))) {
    rows.push({ class: run.probe.passed ? null : "failed", cells: [mark(run.probe.passed),
      ["the image's answers equal Spark's", el("small", {}, run.probe.sentence)], number(run.probe.rows), "all rows"] });
  }
  return section("Rules", table("Rules with value and limit", head, rows, "short"));
}

const mark = (passed) => el("span", { class: passed ? "good" : "bad" },
  el("span", { "aria-hidden": "true" }, passed ? "✓" : "✕"), el("span", { class: "visually-hidden" }, passed ? "passed" : "failed"));

const notChecked = () => el("span", { class: "quiet" }, el("span", { "aria-hidden": "true" }, "–"), el("span", { class: "visually-hidden" }, "not checked"));

// A failed rule with its reason, one that was not checked with the reason for that, a passed one with what it does not cover: slices that are too small, champions that are gone.
function note(rule) {
  if (!rule.passed) return el("small", {}, rule.why);
  const text = rule.value === null ? rule.why.split(": ").slice(1).join(": ") : rule.why.match(/not (judged|compared)[,:] .*/)?.[0];
  return text ? el("small", {}, text) : null;
}

// The text before the colon names the rule: "buying sessions in the holdout: 184 (required at least 30)". Fallback: the rule's identifier.
function ruleName(rule) {
  const name = rule.why.includes(": ") ? rule.why.split(": ")[0] : words(rule.name);
  return rule.name === "suspicious_roc_auc" ? `${name}, upper limit` : name;
}

export function model(run) {
  if (!run.model) return null;
  const { curves, metrics, importances } = run.model;
  if (!curves) {
    const why = Object.values(metrics.missing ?? {})[0];
    const text = why ? `No curves: ${why}.` : "A later run of the same day has replaced the curves of this run.";
    return section("Model", el("p", { class: "quiet" }, text), slices(metrics), progress(metrics));
  }
  const plots = [
    curves.roc && charts.roc(curves.roc, metrics),
    curves.precision_recall && charts.precisionRecall(curves.precision_recall, metrics),
    curves.reliability && charts.reliability(curves.reliability),
    curves.histogram && charts.scores(curves.histogram),
  ];
  return section("Model", comparison(run.model.champion), el("div", { class: "charts" }, plots),
    slices(metrics), progress(metrics), featureImportance(importances));
}

const signed = (value) =>
  value === null || value === undefined ? "–" : `${value < 0 ? "−" : "+"}${number(Math.abs(value))}`;

const signedSpan = (interval) => interval ? `${signed(interval[0])} to ${signed(interval[1])}` : "";

// Comparison with the champion on the same sessions, if the evaluation scored it.
function comparison(champion) {
  if (!champion || champion.state === "none") return null;
  const result = champion.comparison;
  if (!result) return el("p", { class: "quiet" }, `Not compared with the champion: ${champion.why}.`);
  const interval = result.interval ? ` (95 % CI: ${signed(result.interval[0])} to ${signed(result.interval[1])})` : "";
  return el("p", {}, "Compared with the champion ", el("code", {}, champion.model_id ?? ""),
    ` on the same sessions: ROC AUC ${signed(result.difference)}${interval}.`);
}

// Metrics within slices of the holdout.
function slices(metrics) {
  const evaluated = Array.isArray(metrics.slices) ? metrics.slices : [];
  if (!evaluated.length) return null;
  const head = [{ label: "Slice" }, { label: "ROC AUC", number: true }, { label: "95 % CI" },
    { label: "Buyers", number: true }, { label: "Sessions", number: true }];
  const pooled = (slice) => slice.members?.length ? ` (${slice.members.join(", ")})` : "";
  const rows = evaluated.map((slice) => ({ cells: [`${words(slice.by)}: ${slice.value}${pooled(slice)}`,
    number(slice.roc_auc), span(slice.interval), number(slice.positives), number(slice.examples)] }));
  return el("details", {}, el("summary", {}, "Slices"), table("Metrics by slice", head, rows));
}

// Ranking quality by number of events so far, beside the Markov baseline's on the same examples.
function progress(metrics) {
  const groups = Array.isArray(metrics.moments) ? metrics.moments : [];
  if (!groups.length) return null;
  const head = [{ label: "Events so far" }, { label: "ROC AUC", number: true }, { label: "95 % CI" },
    { label: "Baseline", number: true }, { label: "Difference", number: true }, { label: "95 % CI of the difference" },
    { label: "Examples of buyers", number: true }, { label: "Examples", number: true }];
  const rows = groups.map((group) => ({ cells: [group.events, number(group.roc_auc), span(group.interval),
    number(group.baseline_roc_auc), signed(group.difference), signedSpan(group.difference_interval),
    number(group.positives), number(group.examples)] }));
  return el("details", {}, el("summary", {}, "Sessions in progress"), table("Metrics by number of events so far", head, rows));
}

function featureImportance(importances) {
  const rows = Object.entries(importances ?? {}).sort((a, b) => b[1] - a[1]).map(([name, value]) => ({ name, value }));
  if (!rows.length) return null;
  const top = rows.slice(0, 10), rest = rows.slice(10);
  const format = (row) => percent(row.value);
  return [el("h3", {}, "Feature importance"), charts.bars(top, format),
    rest.length ? el("details", {}, el("summary", {}, `${rest.length} more features`), charts.bars([...top.slice(0, 1), ...rest], format)) : null];
}

const SIGNS = { total: "", part: "", minus: "− ", plus: "+ " };

export function data(run) {
  const { check, excluded, quarantined } = run.data;
  const reasons = (group, counts) => Object.entries(counts ?? {}).map(([why, n]) => [`${group}: ${words(why)}`, n || null, "minus"]);
  // Every line is in exactly one place, so that a reader can add the lines up to each total.
  const counts = [["lines read", run.data.lines, "total"],
    ["lines that other days count", run.data.other_days || null, "minus"],
    ...reasons("excluded", excluded), ...reasons("quarantined", quarantined),
    ["rows of further products in an event", run.data.added || null, "plus"],
    ["events kept, one row per product", run.data.events, "total"],
    ["arrived late", run.data.late_taken, "part"],
    ["sessions in these events", run.data.clean_sessions, "total"],
    ["sessions that begin at the checkout, not scored", run.data.starting_at_checkout, "minus"],
    ["sessions with events before a checkout", run.data.sessions, "total"],
    ["buying sessions", run.data.buying_sessions, "part"]];
  const present = counts.filter(([, n]) => n !== null && n !== undefined);
  if (!present.length && !check) return null;
  const list = present.length ? el("dl", { class: "counts" }, present.map(([name, n, kind]) =>
    el("div", { class: kind }, el("dt", {}, kind === "part" ? `of these: ${name}` : name), el("dd", {}, `${SIGNS[kind]}${number(n)}`)))) : null;
  return section("Data", check ? checkLine(check) : null, run.data.warning ? el("p", {}, run.data.warning) : null, list, check ? expectations(check) : null);
}

function checkLine(check) {
  return el("p", {}, mark(check.passed), ` ${check.sentence} `, check.docs ? el("a", { href: check.docs }, "Data Docs") : null);
}

function expectations(check) {
  const head = [{ hiddenLabel: "Result", class: "mark" }, { label: "Expectation" }, { label: "Observed", number: true }, { label: "Expected" }];
  const rows = [...(check.outcomes ?? [])].sort((a, b) => a.passed - b.passed).map((one) => ({
    class: one.passed ? null : "failed",
    cells: [mark(one.passed), [words(one.name), one.why ? el("small", {}, one.why) : null], number(one.observed), one.expected],
  }));
  if (!rows.length) return null;
  return el("details", { open: !check.passed }, el("summary", {}, `${rows.length} expectations`), table("Expectations on the day's events", head, rows, "short"));
}

export function durations(run) {
  const rows = run.steps.map((step) => ({ ...step, value: step.seconds,
    name: step.state === "not run" ? words(step.step) : airflowLink(taskPath(run, step.step), words(step.step)) }));
  const format = (row) => (row.state === "done" ? duration(row.seconds) : row.state);
  return section("Step durations", el("p", { class: "quiet" }, `Total: ${duration(run.seconds)}.`), charts.bars(rows, format));
}

// References of images: that of the run, and the champion's where it is another one. Only what may be deployed has a copy button.
export function images(published, serving) {
  const reference = (digest) => `${published.image}@${digest}`;
  const line = (label, digest, copy) => el("p", { class: "reference" }, el("span", { class: "quiet" }, `${label} `),
    el("code", {}, reference(digest)), copy ? [" ", copyButton(reference(digest), "image reference"),
      el("span", { class: "visually-hidden" }, shortDigest(digest))] : null);
  const replaced = serving.replaced;
  const docker = Object.entries(published.docker_images ?? {});
  return [line(replaced ? "Image of this run, not serving" : "Image of this run", published.digest, !replaced),
    platforms(published),
    ...docker.map(([arch, digest]) => line(`In Docker's format, ${arch}`, digest, !replaced)),
    replaced ? line("Image of the champion", serving.champion, true) : null];
}

// How each platform of the image was executed before it was published; empty for models of earlier versions.
function platforms({ platforms, left_out }) {
  const states = Object.entries(platforms ?? {}).map(([arch, state]) => `linux/${arch} ${state}`);
  const missing = Object.entries(left_out ?? {}).map(([arch, why]) => `linux/${arch} left out: ${why}`);
  return states.length ? el("p", { class: "reference" }, el("span", { class: "quiet" }, "Platforms "), `${[...states, ...missing].join("; ")}.`) : null;
}

// A promoted run whose image was replaced or rolled back since shows it: badge, colour and sentence.
export function updateVerdict(run, serving) {
  const badge = document.querySelector(".badge");
  if (!badge || !run?.published || !["promoted", "reproduced"].includes(run.outcome)) return;
  const [tone, symbol, name] = OUTCOMES[run.outcome];
  const { replaced } = serving;
  badge.replaceChildren(el("span", { "aria-hidden": "true" }, replaced ? "–" : symbol), ` ${replaced ? `${name}, ${ENDED[replaced.action]}` : name}`);
  document.querySelector(".verdict").className = `verdict ${replaced ? "muted" : tone}`;
  document.getElementById("replaced").replaceChildren(...(replaced ? replacement(replaced) : []));
}

const ENDED = { rollback: "then rolled back", promote: "since replaced", accept: "since replaced", unknown: "not serving now" };

function replacement({ action, entry }) {
  if (!entry) return ["The champion is another image; the ledger has no entry of the change."];
  const verb = action === "rollback" ? "Rolled back" : "Replaced";
  return [`${verb} on ${timestamp(entry.when)} by ${entry.who}: the champion became `, el("code", {}, entry.model_id), ` (${entry.why.replace(/\.$/, "")}).`];
}

// The current champion, independent of the selected run.
export function champion(serving) {
  if (!serving.champion) return ["No model has been promoted yet."];
  return ["Champion: ", el("code", {}, serving.model_id ?? shortDigest(serving.champion)),
    serving.since ? `, since ${timestamp(serving.since)}.` : "."];
}
