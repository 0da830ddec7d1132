// Requests to the page's own API and to Airflow's REST API, both with this browser's login cookie.

export class RequestError extends Error {}

async function request(url, options) {
  const response = await fetch(url, options);
  if (response.status === 401) throw new RequestError("You are no longer logged in. Reload the page.");
  if (response.status === 403) throw new RequestError("You do not have permission to do this in Airflow.");
  if (!response.ok) throw new RequestError(`${response.status}: ${await errorDetail(response)}`);
  return response.json();
}

async function errorDetail(response) {
  const text = await response.text();
  try {
    const detail = JSON.parse(text).detail;
    return typeof detail === "string" ? detail : JSON.stringify(detail);
  } catch {
    return text.slice(0, 300);
  }
}

const pageUrl = (path) => new URL(path, document.baseURI);
const airflowUrl = (path) => new URL(`../api/v2/${path}`, document.baseURI);

export const pageData = (run) => request(pageUrl(run ? `api/page?run=${encodeURIComponent(run)}` : "api/page"));
export const olderCandidates = (before) => request(pageUrl(`api/candidates?before=${encodeURIComponent(before)}`));
export const fullLedger = () => request(pageUrl("api/ledger"));
export const serving = () => request(pageUrl("api/serving"));

export async function newestRun() {
  const response = await request(airflowUrl("dags/retrain/dagRuns?limit=1&order_by=-run_after"));
  return response.dag_runs[0] ?? null;
}

// State of a task, "queued" before the scheduler has seen it.
export async function taskState(dag, run, task) {
  const instance = await request(airflowUrl(`dags/${dag}/dagRuns/${encodeURIComponent(run)}/taskInstances/${task}`));
  return instance.state ?? "queued";
}

// The JSON body protects against cross-site request forgery: other sites cannot send one with this cookie.
export async function trigger(dag, conf) {
  const response = await request(airflowUrl(`dags/${dag}/dagRuns`), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ logical_date: null, conf }),
  });
  return response.dag_run_id;
}
