// The page's own addresses, and Airflow's: both with the login cookie of this browser.

export class Refused extends Error {}

async function ask(url, options) {
  const answer = await fetch(url, options);
  if (answer.status === 401) throw new Refused("You are no longer logged in: reload the page.");
  if (answer.status === 403) throw new Refused("Airflow does not give you the right to do this.");
  if (!answer.ok) throw new Refused(`${answer.status}: ${await reason(answer)}`);
  return answer.json();
}

async function reason(answer) {
  const text = await answer.text();
  try {
    const detail = JSON.parse(text).detail;
    return typeof detail === "string" ? detail : JSON.stringify(detail);
  } catch {
    return text.slice(0, 300);
  }
}

const own = (path) => new URL(path, document.baseURI);
const airflow = (path) => new URL(`../api/v2/${path}`, document.baseURI);

export const page = (run) => ask(own(run ? `api/page?run=${encodeURIComponent(run)}` : "api/page"));
export const olderCandidates = (before) => ask(own(`api/candidates?before=${encodeURIComponent(before)}`));
export const wholeLedger = () => ask(own("api/ledger"));
export const serving = () => ask(own("api/serving"));

export async function newestRun() {
  const answer = await ask(airflow("dags/retrain/dagRuns?limit=1&order_by=-run_after"));
  return answer.dag_runs[0] ?? null;
}

export const state = async (dag, run) => (await ask(airflow(`dags/${dag}/dagRuns/${encodeURIComponent(run)}`))).state;

// A JSON body: another site's page cannot send one with our cookie.
export async function trigger(dag, conf) {
  const answer = await ask(airflow(`dags/${dag}/dagRuns`), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ logical_date: null, conf }),
  });
  return answer.dag_run_id;
}
