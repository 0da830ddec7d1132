// Candidates and ledger; more rows come when they are asked for.
import * as api from "./api.js";
import { copyButton, day, el, moment, number, section, shortDigest, span, table } from "./dom.js";

const CANDIDATES = [{ label: "Data day", class: "nowrap" }, { label: "Model" }, { label: "ROC AUC", number: true },
  { label: "Verdict" }, { label: "Image", class: "nowrap" }, { label: "Card" }, { unseen: "Move" }];

// found: rows and whether there are more; serving: digests of champion and previous, and the champion's model id as far
// as it is known; move: what a button does, or null.
export function candidates(found, serving, move) {
  const rows = [...found.rows];
  const place = el("div", {});
  const more = el("button", { type: "button", class: "plain" }, "Show older");
  const draw = () => place.replaceChildren(rows.length ? table("Candidates, newest first", CANDIDATES,
    rows.map((row) => candidate(row, serving, move))) : el("p", { class: "quiet" }, "No night has come to a verdict yet."));
  more.addEventListener("click", async () => {
    more.disabled = true;
    try {
      const next = await api.olderCandidates(rows[rows.length - 1].key);
      rows.push(...next.rows);
      more.hidden = !next.more;
      draw();
    } catch (problem) {
      more.after(el("p", { role: "alert", class: "bad" }, problem.message));
    }
    more.disabled = false;
  });
  more.hidden = !found.more;
  draw();
  return section("Candidates", serving.problem ? el("p", { class: "note" },
    "The registry does not answer; what serves is what the ledger said last. ", el("small", {}, serving.problem)) : null, place, more);
}

function candidate(row, serving, move) {
  const champion = row.digest && row.digest === serving.champion;
  const tag = champion ? "champion" : row.digest && row.digest === serving.previous ? "previous" : null;
  return { class: champion ? "serving" : null, cells: [
    day(row.day),
    row.model_id ? [el("code", {}, row.model_id), tag ? el("span", { class: `tag ${tag}` }, tag) : null] : el("span", { class: "quiet" }, "not published"),
    [number(row.roc_auc), row.interval ? el("small", {}, span(row.interval)) : null],
    verdict(row),
    row.digest ? reference(row) : "–",
    row.card ? el("a", { href: row.card, "aria-label": `Model card of ${row.model_id ?? row.day}` }, "Card") : "–",
    row.digest && !champion && move ? moveButton(row, serving, move) : "",
  ] };
}

function verdict(row) {
  const text = row.passed ? "passed" : "refused";
  return row.passed ? el("span", { class: "good" }, text)
    : [el("span", { class: "bad" }, text), el("small", {}, row.sentence.replace(/^Refused: /, ""))];
}

function reference(row) {
  const whole = `${row.image}@${row.digest}`;
  return [el("code", { title: whole }, shortDigest(row.digest)), " ", copyButton(whole, `the image's reference of ${row.model_id}`)];
}

function moveButton(row, serving, move) {
  const back = serving.model_id ? row.model_id < serving.model_id : row.digest === serving.previous;
  const text = back ? "Roll back to this" : "Promote this";
  const open = () => move({ dag: back ? "rollback" : "promote", text, row, champion: serving.model_id });
  return el("button", { type: "button", onclick: open, "aria-label": `${text}: ${row.model_id}` }, text);
}

export function ledger(found) {
  if (found.problem) return section("Ledger", el("p", { role: "alert", class: "bad" }, found.problem));
  const head = [{ label: "When", class: "nowrap" }, { label: "Who" }, { label: "What", class: "nowrap" }, { label: "Model" }, { label: "Why" }];
  const place = el("div", {});
  const draw = (rows) => place.replaceChildren(rows.length ? table("Who moved the champion, newest first", head, rows.map((entry) => ({
    cells: [moment(entry.when), entry.who, entry.action === "rollback" ? "rolled back" : "promoted", el("code", {}, entry.model_id), entry.why],
  }))) : el("p", { class: "quiet" }, "No model has been promoted yet."));
  draw(found.rows);
  const all = el("button", { type: "button", class: "plain" }, `Show all ${found.total}`);
  all.hidden = found.rows.length >= found.total;
  all.addEventListener("click", async () => { draw((await api.wholeLedger()).rows); all.hidden = true; });
  return section("Ledger", place, all);
}
