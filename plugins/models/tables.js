// The tables of candidates and ledger entries; further rows are loaded on demand.
import * as api from "./api.js";
import { copyButton, day, el, number, section, shortDigest, span, table, timestamp } from "./dom.js";

const CANDIDATES = [{ label: "Data day", class: "nowrap" }, { label: "Model" }, { label: "ROC AUC", number: true },
  { label: "Verdict" }, { label: "Image", class: "nowrap" }, { label: "Card" }, { hiddenLabel: "Move" }];

// data: { rows, more }; serving: digests of champion and previous, and the champion's model id if known;
// onMove: called with { dag, text, row, champion }, or null if the user may not move the champion.
export function candidates(data, serving, onMove) {
  const rows = [...data.rows];
  const container = el("div", {});
  const more = el("button", { type: "button", class: "plain" }, "Show older");
  const render = () => container.replaceChildren(rows.length ? table("Candidates, newest first", CANDIDATES,
    rows.map((row) => candidate(row, serving, onMove))) : el("p", { class: "quiet" }, "No model has been evaluated yet."));
  more.addEventListener("click", async () => {
    more.disabled = true;
    try {
      const next = await api.olderCandidates(rows[rows.length - 1].key);
      rows.push(...next.rows);
      more.hidden = !next.more;
      render();
    } catch (error) {
      more.after(el("p", { role: "alert", class: "bad" }, error.message));
    }
    more.disabled = false;
  });
  more.hidden = !data.more;
  render();
  return section("Candidates", serving.contradiction ? el("p", { role: "alert", class: "note bad" },
    "Registry and ledger contradict each other; nothing is compared or promoted. ",
    el("small", {}, serving.contradiction)) : null, serving.problem ? el("p", { class: "note" },
    "The registry is not reachable. The champion shown here is the one last recorded in the ledger. ",
    el("small", {}, serving.problem)) : null, container, more);
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
  const all = el("button", { type: "button", class: "plain" }, `Show all ${data.total}`);
  all.hidden = data.rows.length >= data.total;
  all.addEventListener("click", async () => { render((await api.fullLedger()).rows); all.hidden = true; });
  return section("Ledger", container, all);
}
