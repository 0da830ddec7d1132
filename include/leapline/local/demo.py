"""The demo: the whole pipeline on a generated shop, on this machine, without stubs.

events -> local registry -> the retrain DAG -> pull the champion -> start it -> score a session over HTTP
"""

import hashlib
import hmac
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from leapline.deployment.factory import registry
from leapline.errors import LeaplineError, LocalServiceError
from leapline.local.airflow_env import AirflowInstance
from leapline.local.airflow_run import RunOutcome, run_dag
from leapline.local.demo_bucket import FOLDER, demo_bucket, upload_events
from leapline.local.progress import progress_bar
from leapline.local.pseudonym_key import ensure_pseudonym_key
from leapline.local.registry_service import local_registry
from leapline.local.signing_key import ensure_signing_key
from leapline.modelling import probe_sample
from leapline.records import verdicts
from leapline.rollout.target import OFF
from leapline.runtime.reports import past_report
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import Settings
from leapline.storage import Folder, Lake, lake_of, read_json, write_json
from leapline.synthetic import TRUTH_FOLDER, GeneratorSpec, best_roc_auc, generate, truth_path

SCORER_ADDRESS: Final = "127.0.0.1:8088"
"""Suggested address of the scorer; port 8080 belongs to Airflow's web UI."""
LIMITS: Final = {"roc_auc_threshold": 0.85, "max_progress_loss": 0.1}
"""The gate's limits for a shop of a few thousand sessions a day.

With about 160 buyers in the holdout, the lower bound of a ROC AUC of 0.90 lies between 0.87 and 0.89, which depends on
the pseudonym key, because it draws the holdout. About 40 buyers are among the examples with one to four events, whose
difference to the baseline has an interval of 0.25: with the usual limit, one of several keys would be refused by
chance."""


@dataclass(frozen=True)
class ScoredSession:
    """A session with its events, and the scorer's answer for it."""

    session: Mapping[str, Any]
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class DemoResult:
    """The results of the demo.

    Attributes:
        day: the data day.
        verdict: the effective verdict's summary sentence.
        promotion: summary of the step `promote`.
        probe: the probe's sentence.
        publication: summary of the step `publish`.
        best_roc_auc: ROC AUC of the generator's true probabilities on the holdout; None if it cannot be computed.
        session: the session that was scored, and the answer of the pulled image.
        seconds: duration of the demo.
    """

    day: date
    verdict: str
    promotion: dict[str, Any]
    probe: str
    publication: dict[str, Any]
    best_roc_auc: float | None
    session: ScoredSession
    seconds: float


def run_demo(
    settings: Settings, day: date, days: int, sessions_per_day: int, console: Console, on_s3: bool = False
) -> None:
    """Run the pipeline for `day` on `days` generated days and print a summary.

    Args:
        settings: the installation's settings, with a landing folder on this machine.
        day: data day.
        days: days of events to generate; the last one is the data day.
        sessions_per_day: sessions to generate per day.
        console: where progress and summary are printed.
        on_s3: whether events and lake are in a bucket of a local S3 server, which runs for the demo only.

    Raises:
        LeaplineError: a step failed, with the error of that step.
    """
    settings = ensure_signing_key(ensure_pseudonym_key(_for_few_events(settings)))
    started = time.monotonic()
    events = settings.landing_dir
    with _step(console, f"Events of {days} days in {events}"):
        _generate(events, day, days, sessions_per_day, console)
    if not on_s3:
        _run(settings, events, day, console, started)
        return
    with demo_bucket(settings) as on_bucket:
        with _step(console, f"Local S3 server on {on_bucket.s3_endpoint}, lake in {on_bucket.lake}"):
            console.print(f"  {upload_events(events, on_bucket)} files of events uploaded", highlight=False)
        _run(on_bucket, events, day, console, started)


def _run(settings: Settings, events: Path, day: date, console: Console, started: float) -> None:
    with _step(console, f"Local registry on {settings.registry}"):
        local_registry(settings).start()
    with _step(console, f"The retrain DAG for {day}"):
        instance, on_task = AirflowInstance(settings.tools / "airflow"), _task_printer(console)
        run = run_dag(settings, instance, day, on_task=on_task, one_driver=True)
        _require_success(run)
    verdict = verdicts.effective_verdict(lake_of(settings), day)
    if not verdict["passed"]:
        console.print(f"\n[bold yellow]{verdict['summary']}[/]\nNothing was published. This is a normal outcome.")
        return
    publication = _summary(settings, run, "publish")
    with _step(console, "Pull the image by digest, start it, score a session"):
        session = _score_a_session(settings, day, publication["digest"])
    result = DemoResult(
        day=day,
        verdict=verdict["summary"],
        promotion=_summary(settings, run, "promote"),
        probe=_summary(settings, run, "probe")["sentence"],
        publication=publication,
        best_roc_auc=best_possible_roc_auc(settings, events / TRUTH_FOLDER, day),
        session=session,
        seconds=time.monotonic() - started,
    )
    _print_summary(console, settings, result)


def _for_few_events(settings: Settings) -> Settings:
    """Return settings for the demo's small days: its own events, whatever the source of the installation, driver
    options and limits for them, unless the installation sets its own, and no deployment."""
    explicit = settings.model_dump(exclude_unset=True)
    return Settings.load(
        **{"spark_driver_options": FEW_EVENTS, **LIMITS, **explicit, "source": "landing", "deploy": OFF}
    )


@contextmanager
def _step(console: Console, title: str) -> Iterator[None]:
    console.print(f"[bold cyan]▶[/] [bold]{title}[/]")
    started = time.monotonic()
    yield
    console.print(f"  [green]done[/] in {time.monotonic() - started:.1f} s", highlight=False)


def _task_printer(console: Console) -> Callable[[str, str, float], None]:
    def print_task(task: str, state: str, seconds: float) -> None:
        if state != "running":
            console.print(f"    {task:<14} {state:<8} {seconds:6.1f} s", highlight=False)

    return print_task


def _require_success(run: RunOutcome) -> None:
    if run.state != "success":
        raise LocalServiceError(
            "the retrain DAG", found=run.error or run.state, expected="a successful run", fix=f"Read {run.log}."
        )


def _generate(folder: Path, day: date, days: int, sessions_per_day: int, console: Console) -> None:
    required = [day - timedelta(days=n) for n in range(days - 1, -1, -1)]
    missing = [d for d in required if not truth_path(folder / TRUTH_FOLDER, d).exists()]
    if not missing:
        console.print("  already generated", highlight=False)
        return
    first = missing[0]
    spec = GeneratorSpec(start=first, days=(day - first).days + 1, sessions_per_day=sessions_per_day)
    with progress_bar(console, "  generating") as update:
        report = generate(folder, spec, update, workers=2)
    console.print(f"  {report.lines:,} lines, {report.sessions:,} sessions, {report.buyers:,} buyers", highlight=False)


def _summary(settings: Settings, run: RunOutcome, step: str) -> dict[str, Any]:
    """Return a step's summary.

    Raises:
        LocalServiceError: the step failed or did not run.
    """
    report = past_report(settings, run.run_id, step)
    if report is None or not report["ok"]:
        text = report["error"]["text"] if report else "no report"
        raise LocalServiceError(f"step {step}", found=text, expected="a summary", fix=f"Read {run.log}.")
    summary: dict[str, Any] = report["summary"]
    return summary


def _score_a_session(settings: Settings, day: date, digest: str) -> ScoredSession:
    """Pull the image by digest, and score the holdout session with the highest probability from its events."""
    from leapline.serving.scorer_process import run_image

    lake = lake_of(settings)
    package = lake.current("packages", day)
    manifest, built_digest = read_json(package / "manifest.json"), read_json(package / "package.json")["image_digest"]
    sample = probe_sample.read_sample(lake.current("evaluations", day), (), manifest)
    session = sample.sessions[max(range(len(sample.buys)), key=lambda i: sample.buys[i])]
    with tempfile.TemporaryDirectory(prefix="leapline-demo-") as work:
        layout = registry(settings).pull(digest, Path(work) / "image")
        with run_image(layout, built_digest, Path(work)) as client:
            client.ready()
            return ScoredSession(session, client.score([session])[0])


def best_possible_roc_auc(settings: Settings, truth: Path, day: date) -> float | None:
    """Return the ROC AUC of the generator's true probabilities on the same holdout sessions.

    Args:
        settings: name the lake and the pseudonym key.
        truth: folder of the true probabilities.
        day: data day.

    Returns:
        None for events that were not generated.
    """
    import pandas as pd

    key = settings.key_bytes()
    scores = pd.read_parquet(lake_of(settings).current("evaluations", day) / "scores.parquet")
    try:
        return best_roc_auc(
            truth,
            [day],
            set(scores["session"]),
            lambda session: hmac.new(key, session.encode(), hashlib.sha256).hexdigest(),
        )
    except LeaplineError:
        return None


def _print_summary(console: Console, settings: Settings, result: DemoResult) -> None:
    lake = lake_of(settings)
    model = lake.current("models", result.publication["model_id"])
    archive = lake.address(model, "model.zip")
    session_file = settings.home / "session.json"
    write_json(session_file, {"session": result.session.session})
    console.print()
    for name, value in _summary_rows(lake, model, result).items():
        console.print(f"  [bold]{name:<18}[/]{value}", soft_wrap=True, highlight=False)
    if settings.lake:
        console.print(
            f"\nThe S3 server has stopped; its bucket is a folder below {settings.home / FOLDER}. "
            "Settings for your own bucket: docs/s3.md",
            highlight=False,
            soft_wrap=True,
        )
        return
    console.print(
        f"\nNext: [bold]make up[/] for Airflow's web UI, [bold].venv/bin/leapline models[/] for the published models.\n"
        "To score that session yourself:\n"
        f"  [bold].local/bin/scorer serve --addr {SCORER_ADDRESS} {archive}[/]\n"
        f"  [bold].venv/bin/leapline score --url http://{SCORER_ADDRESS} {session_file}[/]",
        highlight=False,
        soft_wrap=True,
    )


def _summary_rows(lake: Lake, model: Folder, result: DemoResult) -> dict[str, str]:
    metrics, answer = result.publication["metrics"], result.session.answer
    low, high = metrics["roc_auc_interval"]
    best = f", best possible {result.best_roc_auc:.3f}" if result.best_roc_auc else ""
    promoted, why = result.promotion["promoted"], result.promotion["why"]
    return {
        "verdict": result.verdict,
        "ROC AUC": f"{metrics['roc_auc']:.3f} (95 % CI {low:.3f} to {high:.3f}){best}",
        "average precision": f"{metrics['average_precision']:.3f}",
        "probe": result.probe,
        "model": result.publication["model_id"],
        "image": f"{result.publication['image']}@{result.publication['digest']}",
        "signature": f"by key {signer[:12]}" if (signer := result.publication["signed_by"]) else "none",
        "champion": "promoted to this model" if promoted else f"unchanged: {why}",
        "session": f"{answer['segment']}, probability {answer['buy']:.2f} after {answer['events_seen']} events",
        "plots": lake.address(model, "plots"),
        "model card": lake.address(model, "card.md"),
        "duration": f"{result.seconds:.0f} s",
    }
