// The tables of candidates and ledger entries; further rows are loaded on demand.
import * as api from "./api.js";
import { copyButton, day, el, number, section, shortDigest, span, table, timestamp } from "./dom.js";

const CANDIDATES = [{ label: "Data day", class: "nowrap" }, { label: "Model" }, { label: "ROC AUC", number: true },
  { label: "Verdict" }, { label: "Image", class: "nowrap" }, { label: "Card" }, { hiddenLabel: "Move" }];

// data: { rows, more }; onMove: called with { dag, text, row, champion }, or null if the user may not move the champion.
// Returns the section and update(serving), which renders it for the digests of champion and previous, and the champion's
// model id if known. The registry may answer after somebody has loaded older rows, so an update keeps them.
export function candidates(data, onMove) {
  const rows = [...data.rows];
  const notes = el("div", {});
  const container = el("div", {});
  let serving = {};
  const render = () => container.replaceChildren(rows.length ? table("Candidates, newest first", CANDIDATES,
    rows.map((row) => candidate(row, serving, onMove))) : el("p", { class: "quiet" }, "No model has been evaluated yet."));
  const more = buttonThatLoads("Show older", data.more, async () => {
    const next = await api.olderCandidates(rows[rows.length - 1].key);
    rows.push(...next.rows);
    render();
    return next.more;
  });
  const update = (tags) => {
    serving = tags;
    notes.replaceChildren(...notesOn(serving));
    render();
  };
  return { element: section("Candidates", notes, container, more), update };
}

// A button that loads further rows; load() returns whether there are still more.
function buttonThatLoads(text, visible, load) {
  const button = el("button", { type: "button", class: "plain", hidden: !visible }, text);
  const problem = el("p", { role: "alert", class: "bad", hidden: true });
  button.addEventListener("click", async () => {
    button.disabled = true;
    problem.hidden = true;
    try {
      button.hidden = !await load();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
    button.disabled = false;
  });
  return el("div", {}, button, problem);
}

function notesOn(serving) {
  if (serving.contradiction) return [el("p", { role: "alert", class: "note bad" },
    "Registry and ledger contradict each other; nothing is compared or promoted. ", el("small", {}, serving.contradiction))];
  if (serving.problem) return [el("p", { class: "note" },
    "The registry is not reachable. The champion shown here is the one last recorded in the ledger. ",
    el("small", {}, serving.problem))];
  return [];
}

function candidate(row, serving, onMove) {
  const isChampion = row.digest && row.digest === serving.champion;
  const tag = isChampion ? "champion" : row.digest && row.digest === serving.previous ? "previous" : null;
  return { class: isChampion ? "serving" : null, cells: [
    day(row.day),
    row.model_id ? [el("code", {}, row.model_id), tag ? el("span", { class: `tag ${tag}` }, tag) : null] : el("span", { class: "quiet" }, "not published"),
    [number(row.roc_auc), row.interval ? el("small", {}, span(row.interval)) : null],
    verdict(row),
    row.digest ? reference(row) : "–",
    row.card ? el("a", { href: row.card, "aria-label": `Model card of ${row.model_id ?? row.day}` }, "Card") : "–",
    row.digest && !isChampion && onMove ? moveButton(row, serving, onMove) : "",
  ] };
}

function verdict(row) {
  const text = row.passed ? "passed" : "refused";
  return row.passed ? el("span", { class: "good" }, text)
    : [el("span", { class: "bad" }, text), el("small", {}, row.sentence.replace(/^Refused: /, ""))];
}

function reference(row) {
  const full = `${row.image}@${row.digest}`;
  return [el("code", { title: full }, shortDigest(row.digest)), " ", copyButton(full, `image reference of ${row.model_id}`)];
}

function moveButton(row, serving, onMove) {
  const isRollback = serving.model_id ? row.model_id < serving.model_id : row.digest === serving.previous;
  const text = isRollback ? "Roll back to this" : "Promote this";
  const open = () => onMove({ dag: isRollback ? "rollback" : "promote", text, row, champion: serving.model_id });
  return el("button", { type: "button", onclick: open, "aria-label": `${text}: ${row.model_id}` }, text);
}

const ACTIONS = { promote: "promoted", rollback: "rolled back", accept: "accepted" };

export function ledger(data) {
  if (data.problem) return section("Ledger", el("p", { role: "alert", class: "bad" }, data.problem));
  const head = [{ label: "Time", class: "nowrap" }, { label: "User" }, { label: "Action", class: "nowrap" }, { label: "Model" }, { label: "Reason" }];
  const container = el("div", {});
  const render = (rows) => container.replaceChildren(rows.length ? table("Changes of the champion, newest first", head, rows.map((entry) => ({
    cells: [timestamp(entry.when), entry.who, ACTIONS[entry.action] ?? entry.action, el("code", {}, entry.model_id || "none"), entry.why],
  }))) : el("p", { class: "quiet" }, "No model has been promoted yet."));
  render(data.rows);
  const all = buttonThatLoads(`Show all ${data.total}`, data.rows.length < data.total, async () => {
    render((await api.fullLedger()).rows);
    return false;
  });
  return section("Ledger", container, all);
}
