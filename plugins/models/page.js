// The page: loads the data, renders it, and watches the newest run.
import * as api from "./api.js";
import * as charts from "./charts.js";
import { airflowLink, day, el, section, timestamp } from "./dom.js";
import { confirmMove } from "./move.js";
import * as sections from "./sections.js";
import * as tables from "./tables.js";

const main = document.getElementById("main");
const status = document.getElementById("status");
const picker = document.getElementById("runs");
const requestedRun = () => new URLSearchParams(location.search).get("run");

let listedRuns = []; // the runs in the lake, newest first
let candidates; // the section of the candidates that is on the page

async function show() {
  let data;
  const serving = api.serving(); // asks the registry, which may be slow; the page is rendered without waiting
  serving.catch(() => {});
  try {
    data = await api.pageData(requestedRun());
  } catch (error) {
    main.replaceChildren(el("p", { role: "alert", class: "strip bad" }, error.message));
    main.removeAttribute("aria-busy");
    return;
  }
  listedRuns = data.runs;
  renderPicker(data);
  render(data, servingFromLedger(data.ledger));
  main.removeAttribute("aria-busy");
  scrollToHash();
  const shown = candidates; // another run may be on the page when the registry answers
  const renderTags = (tags) => { if (candidates === shown) renderServing(data, tags); };
  serving.then((tags) => renderTags(tags.problem ? { ...servingFromLedger(data.ledger), problem: tags.problem } : tags))
    .catch((error) => renderTags({ ...servingFromLedger(data.ledger), problem: error.message }));
}

const servingFromLedger = (ledger) => ({ champion: ledger.rows[0]?.after ?? null, previous: ledger.rows[0]?.before ?? null, problem: "" });

function render(data, serving) {
  charts.forget();
  const { run } = data;
  candidates = tables.candidates(data.candidates, data.may_promote ? (move) => confirmMove(move, show) : null);
  main.replaceChildren(...[
    run ? sections.verdict(run) : emptyState(data.requested),
    run?.published ? el("div", { id: "images" }) : null,
    run ? sections.rules(run) : null,
    trend(data, run),
    run ? sections.model(run) : null,
    run ? el("div", { class: "pair" }, sections.data(run), sections.durations(run)) : null,
    el("div", { id: "candidates" }, candidates.element),
    tables.ledger(data.ledger),
  ].filter(Boolean));
  renderServing(data, serving);
}

function renderServing(data, tags) {
  const serving = { ...tags, ...championDetails(data, tags.champion), replaced: replacedBy(data, tags.champion) };
  document.getElementById("champion")?.replaceChildren(...sections.champion(serving));
  sections.updateVerdict(data.run, serving);
  if (data.run?.published) document.getElementById("images").replaceChildren(...sections.images(data.run.published, serving).filter(Boolean));
  candidates.update(serving);
}

// The registry identifies the champion by digest; model id and date of the promotion come from the ledger.
function championDetails(data, digest) {
  const entry = data.ledger.rows.find((row) => row.after === digest);
  const candidate = data.candidates.rows.find((row) => digest && row.digest === digest);
  return { model_id: entry?.model_id ?? candidate?.model_id ?? null, since: entry?.when ?? null };
}

// How the image of the run stopped to be the champion; null if it is the champion, or never was.
function replacedBy({ run, ledger }, champion) {
  const digest = run?.published?.digest;
  if (!champion || !digest || digest === champion || !["promoted", "reproduced"].includes(run.outcome)) return null;
  const entry = ledger.rows.find((row) => row.before === digest) ?? null;
  return { action: entry ? entry.action : "unknown", entry };
}

function emptyState(run) {
  return el("section", { class: "verdict muted", "aria-labelledby": "headline" },
    el("p", { class: "badge" }, run ? "Unknown run" : "No run yet"),
    el("h2", { id: "headline" }, run ? `There is no report of the run ${run}.` : "There has been no run yet."),
    el("p", { class: "why" }, "The first verdict appears here after a run of the DAG retrain. Wait for the nightly run, or ",
      airflowLink("dags/retrain", "trigger one"), "."));
}

function trend(data, run) {
  if (!data.days.some((one) => one.roc_auc !== null)) return null;
  const limit = /at least ([\d.]+)/.exec(run?.rules.find((rule) => rule.name === "roc_auc")?.limit ?? "");
  const title = data.days.length === 1 ? "ROC AUC of one day" : `ROC AUC of the last ${data.days.length} days`;
  return section(title, charts.trend(data.days, data.rollbacks, limit ? Number(limit[1]) : null));
}

function renderPicker(data) {
  const isListed = data.runs.some((run) => run.run_id === data.run?.run_id);
  const runs = isListed || !data.run ? data.runs : [data.run, ...data.runs];
  picker.replaceChildren(...runs.map((run) => el("option", { value: run.run_id, selected: run.run_id === data.run?.run_id },
    `${day(run.day)}: ${run.outcome} (${timestamp(run.ended)})`)));
  picker.parentElement.hidden = runs.length < 2;
}

picker.addEventListener("change", () => {
  window.history.pushState(null, "", `?run=${encodeURIComponent(picker.value)}`);
  show();
});
addEventListener("popstate", show);

// A link may point to an element that did not exist before rendering.
function scrollToHash() {
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

async function watch(before) {
  let run = null;
  try {
    run = await api.newestRun();
  } catch { /* the status line is optional */ }
  const running = run !== null && !["success", "failed"].includes(run.state);
  const unreported = run?.state === "failed" && !listedRuns.some((listed) => listed.run_id === run.dag_run_id && listed.outcome === "failed");
  status.hidden = !running && !unreported;
  if (!status.hidden) {
    const text = running ? `A run is in progress (${run.state}): ` : "The newest run failed without a report. See its log: ";
    status.replaceChildren(text, airflowLink(`dags/retrain/runs/${encodeURIComponent(run.dag_run_id)}`, run.dag_run_id));
  }
  if (before.running && !running && !requestedRun()) await show();
  setTimeout(watch, running ? 5000 : 30000, { running });
}

show().then(() => watch({ running: false }));
