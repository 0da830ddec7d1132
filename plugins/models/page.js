// The page: reads, draws, and keeps an eye on the run that is at work.
import * as api from "./api.js";
import * as charts from "./charts.js";
import { airflowLink, day, el, moment, section } from "./dom.js";
import { confirmMove } from "./move.js";
import * as sections from "./sections.js";
import * as tables from "./tables.js";

const main = document.getElementById("main");
const live = document.getElementById("live");
const picker = document.getElementById("runs");
const asked = () => new URLSearchParams(location.search).get("run");

let listed = []; // the runs that the lake knows, newest first

async function show() {
  let found;
  const serving = api.serving(); // asks the registry; the page does not wait for it
  serving.catch(() => {});
  try {
    found = await api.page(asked());
  } catch (problem) {
    main.replaceChildren(el("p", { role: "alert", class: "strip bad" }, problem.message));
    main.removeAttribute("aria-busy");
    return;
  }
  listed = found.runs;
  pick(found);
  draw(found, asLedgerSays(found.ledger));
  main.removeAttribute("aria-busy");
  jump();
  serving.then((known) => drawCandidates(found, known.problem ? { ...asLedgerSays(found.ledger), problem: known.problem } : known))
    .catch((problem) => drawCandidates(found, { ...asLedgerSays(found.ledger), problem: problem.message }));
}

const asLedgerSays = (ledger) => ({ champion: ledger.rows[0]?.after ?? null, previous: ledger.rows[0]?.before ?? null, problem: "" });

function draw(found, serving) {
  charts.forget();
  const { run } = found;
  main.replaceChildren(...[
    run ? sections.verdict(run) : nothingYet(found.asked),
    run?.published ? sections.image(run.published) : null,
    run ? sections.rules(run) : null,
    past(found, run),
    run ? sections.model(run) : null,
    run ? el("div", { class: "pair" }, sections.data(run), sections.timing(run)) : null,
    el("div", { id: "candidates" }),
    tables.ledger(found.ledger),
  ].filter(Boolean));
  drawCandidates(found, serving);
}

function drawCandidates(found, serving) {
  const known = { ...serving, ...named(found, serving.champion) };
  const move = found.may_move ? (wanted) => confirmMove(wanted, show) : null;
  document.getElementById("champion")?.replaceChildren(...sections.champion(known));
  document.getElementById("candidates").replaceChildren(tables.candidates(found.candidates, known, move));
}

// The registry knows the champion by its digest; its name and since when it serves are the ledger's to say.
function named(found, digest) {
  const entry = found.ledger.rows.find((row) => row.after === digest);
  const row = found.candidates.rows.find((candidate) => digest && candidate.digest === digest);
  return { model_id: entry?.model_id ?? row?.model_id ?? null, since: entry?.when ?? null };
}

function nothingYet(run) {
  return el("section", { class: "verdict muted", "aria-labelledby": "headline" },
    el("p", { class: "badge" }, run ? "Unknown run" : "No run yet"),
    el("h2", { id: "headline" }, run ? `${run} has left no report.` : "No night has run yet."),
    el("p", { class: "why" }, "The first verdict appears here when the DAG retrain has done its first steps: wait for the night, or ",
      airflowLink("dags/retrain", "trigger it"), "."));
}

function past(found, run) {
  if (!found.nights.some((night) => night.roc_auc !== null)) return null;
  const limit = /at least ([\d.]+)/.exec(run?.rules.find((rule) => rule.name === "roc_auc")?.limit ?? "");
  const title = found.nights.length === 1 ? "One night" : `The last ${found.nights.length} nights`;
  return section(title, charts.nights(found.nights, found.rollbacks, limit ? Number(limit[1]) : null));
}

function pick(found) {
  const known = found.runs.some((run) => run.run_id === found.run?.run_id);
  const runs = known || !found.run ? found.runs : [found.run, ...found.runs];
  picker.replaceChildren(...runs.map((run) => el("option", { value: run.run_id, selected: run.run_id === found.run?.run_id },
    `${day(run.day)}: ${run.outcome} (${moment(run.ended)})`)));
  picker.parentElement.hidden = runs.length < 2;
}

picker.addEventListener("change", () => {
  window.history.pushState(null, "", `?run=${encodeURIComponent(picker.value)}`);
  show();
});
addEventListener("popstate", show);

// A link from elsewhere may name a part of the page that is drawn only now.
function jump() {
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

async function watch(before) {
  let run = null;
  try {
    run = await api.newestRun();
  } catch { /* the page stands without it */ }
  const working = run !== null && !["success", "failed"].includes(run.state);
  const silent = run?.state === "failed" && !listed.some((known) => known.run_id === run.dag_run_id && known.outcome === "failed");
  live.hidden = !working && !silent;
  if (!live.hidden) {
    const text = working ? `A run is at work (${run.state}): ` : "The newest run failed and left no reason; its log has it: ";
    live.replaceChildren(text, airflowLink(`dags/retrain/runs/${encodeURIComponent(run.dag_run_id)}`, run.dag_run_id));
  }
  if (before.working && !working && !asked()) await show();
  setTimeout(watch, working ? 5000 : 30000, { working });
}

show().then(() => watch({ working: false }));
