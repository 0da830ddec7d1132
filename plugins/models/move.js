// Moving the champion: asked for, confirmed, done by a DAG run of Airflow's, followed until it ends.
import * as api from "./api.js";
import { airflowLink, el } from "./dom.js";

const ENDED = ["success", "failed"];
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

// wanted: dag, text, row, champion; done: called after a move that succeeded.
export function confirmMove(wanted, done) {
  const dialog = document.getElementById("move");
  const back = wanted.dag === "rollback";
  const reason = el("input", { id: "move-reason", type: "text", maxlength: 300, autocomplete: "off" });
  const told = el("p", { role: "status", class: "told" });
  const go = el("button", { type: "button", class: "strong" }, back ? "Roll back" : "Promote");
  const cancel = el("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Cancel");
  go.addEventListener("click", () => carryOut(wanted, reason.value.trim(), { dialog, go, cancel, told, done }));
  dialog.replaceChildren(
    el("h2", { id: "move-title" }, back ? "Roll back the champion?" : "Promote this model?"),
    el("p", {}, el("code", {}, wanted.row.model_id), " becomes the champion",
      wanted.champion ? [" in the place of ", el("code", {}, wanted.champion)] : "", "."),
    el("p", { class: "quiet" }, "Only the registry's tag moves, nothing is rebuilt. The ledger keeps your name."),
    el("label", { for: "move-reason" }, "Why (for the ledger, may be empty)"), reason, told,
    el("div", { class: "buttons" }, cancel, go));
  dialog.showModal();
}

async function carryOut(wanted, reason, { dialog, go, cancel, told, done }) {
  go.disabled = true;
  cancel.textContent = "Close";
  told.className = "told";
  try {
    told.replaceChildren("Asking Airflow…");
    const run = await api.trigger(wanted.dag, { model_id: wanted.row.model_id, reason: reason || null });
    const state = await follow(wanted.dag, run, (now) => told.replaceChildren(`The DAG run is ${now}…`));
    if (state !== "success") {
      told.classList.add("bad");
      told.replaceChildren(`The DAG run ${state}. Its log says why: `,
        airflowLink(`dags/${wanted.dag}/runs/${encodeURIComponent(run)}`, "open it in Airflow"), ".");
      return;
    }
    dialog.close();
    await done();
  } catch (problem) {
    told.classList.add("bad");
    told.replaceChildren(problem.message);
    go.disabled = false;
  }
}

async function follow(dag, run, tell) {
  for (let tries = 0; ; tries += 1) {
    const state = await api.state(dag, run);
    if (ENDED.includes(state)) return state;
    tell(state);
    await pause(Math.min(500 + tries * 100, 3000));
  }
}
