// Promotion and rollback: confirmed in a dialog, done by an Airflow DAG run, followed until the champion has moved.
// The run's later task, which deploys the champion, may take as long as a rollout; its failure does not undo the move.
import * as api from "./api.js";
import { airflowLink, el } from "./dom.js";

const MOVES = { rollback: "roll_back", promote: "promote_model" };
const FINAL_STATES = ["success", "failed", "upstream_failed", "skipped", "removed"];
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// move: { dag, text, row, champion }; onSuccess: called after the champion has moved.
export function confirmMove(move, onSuccess) {
  const dialog = document.getElementById("move");
  const isRollback = move.dag === "rollback";
  const reason = el("input", { id: "move-reason", type: "text", maxlength: 300, autocomplete: "off" });
  const progress = el("p", { role: "status", class: "progress" });
  const submit = el("button", { type: "button", class: "strong" }, isRollback ? "Roll back" : "Promote");
  const cancel = el("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Cancel");
  submit.addEventListener("click", () => execute(move, reason.value.trim(), { dialog, submit, cancel, progress, onSuccess }));
  dialog.replaceChildren(
    el("h2", { id: "move-title" }, isRollback ? "Roll back the champion?" : "Promote this model?"),
    el("p", {}, el("code", {}, move.row.model_id), " becomes the champion",
      move.champion ? [" instead of ", el("code", {}, move.champion)] : "", "."),
    el("p", { class: "quiet" }, "Only the registry tag moves; nothing is rebuilt. The ledger records your user name."),
    el("label", { for: "move-reason" }, "Reason (optional, recorded in the ledger)"), reason, progress,
    el("div", { class: "buttons" }, cancel, submit));
  dialog.showModal();
}

async function execute(move, reason, { dialog, submit, cancel, progress, onSuccess }) {
  submit.disabled = true;
  cancel.textContent = "Close";
  progress.className = "progress";
  try {
    progress.replaceChildren("Triggering the DAG run…");
    const run = await api.trigger(move.dag, { model_id: move.row.model_id, reason: reason || null });
    const link = airflowLink(`dags/${move.dag}/runs/${encodeURIComponent(run)}`, "open it in Airflow");
    const state = await follow(move.dag, run, (current) => progress.replaceChildren(...(current === "awaiting_input"
      ? ["A second approver has to confirm this run under Required actions: ", link, "."] : [`The task is ${current}…`])));
    if (state !== "success") {
      progress.classList.add("bad");
      progress.replaceChildren("The DAG run failed. See its log: ", link, ".");
      return;
    }
    dialog.close();
    await onSuccess();
  } catch (error) {
    progress.classList.add("bad");
    progress.replaceChildren(error.message);
    submit.disabled = false;
  }
}

async function follow(dag, run, onState) {
  for (let tries = 0; ; tries += 1) {
    const state = await api.taskState(dag, run, MOVES[dag]);
    if (FINAL_STATES.includes(state)) return state;
    onState(state);
    await pause(Math.min(500 + tries * 100, 3000));
  }
}
