"""The demonstration: the whole line on a made-up shop, on this machine, with nothing faked.

events -> local registry -> the retrain DAG -> pull the champion -> start it -> score a session over HTTP
"""

import hashlib
import hmac
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from leapline.deployment.factory import registry
from leapline.errors import LeaplineError, LocalServiceError
from leapline.local.airflow_env import Place
from leapline.local.airflow_run import Outcome, run_dag
from leapline.local.progress import progress_bar
from leapline.local.pseudonym_key import with_key
from leapline.local.registry_service import of_settings
from leapline.modelling import probe_sample
from leapline.records import verdicts
from leapline.runtime.reports import past_report
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import Settings
from leapline.storage import Lake, read_json

SCORER: Final = "127.0.0.1:8088"
"""Where the scorer is suggested to listen: Airflow's web UI has 8080."""


def run_demo(settings: Settings, day: date, days: int, sessions_per_day: int, console: Console) -> None:
    """Run the line for `day` on `days` generated days, and say what came of it.

    Raises:
        LeaplineError: a step failed; its own message.
    """
    settings = with_key(_for_few_events(settings))
    began = time.monotonic()
    with _step(console, f"Events of {days} days in {settings.landing_dir}"):
        _generate(settings, day, days, sessions_per_day, console)
    with _step(console, f"Local registry on {settings.registry}"):
        of_settings(settings).start()
    with _step(console, f"The retrain DAG for {day}"):
        run = run_dag(settings, Place(settings.tools / "airflow"), day, on_task=_teller(console))
        _must_have_ended_well(run)
    verdict = _verdict(settings, run)
    if not verdict["passed"]:
        console.print(f"\n[bold yellow]{verdict['sentence']}[/]\nNothing was published; that is a normal ending.")
        return
    published = _summary(settings, run, "publish")
    with _step(console, "Pull the image back by digest, start it, score a session"):
        answer = _score_a_session(settings, day, published["digest"])
    _tell(console, settings, day, run, published, answer, time.monotonic() - began)


def _for_few_events(settings: Settings) -> Settings:
    """The settings with a driver that suits the demonstration's small days, unless the site says otherwise."""
    given = settings.model_dump(exclude_unset=True)
    return Settings.load(**{"spark_driver_options": FEW_EVENTS, **given})


@contextmanager
def _step(console: Console, title: str) -> Iterator[None]:
    console.print(f"[bold cyan]▶[/] [bold]{title}[/]")
    began = time.monotonic()
    yield
    console.print(f"  [green]done[/] in {time.monotonic() - began:.1f} s", highlight=False)


def _teller(console: Console) -> Callable[[str, str, float], None]:
    def tell(task: str, state: str, seconds: float) -> None:
        if state != "running":
            console.print(f"    {task:<14} {state:<8} {seconds:6.1f} s", highlight=False)

    return tell


def _must_have_ended_well(run: Outcome) -> None:
    if run.state != "success":
        raise LocalServiceError(
            "the retrain DAG", found=run.error or run.state, expected="a run that ends well", fix=f"Read {run.log}."
        )


def _generate(settings: Settings, day: date, days: int, sessions_per_day: int, console: Console) -> None:
    from leapline.synthetic import TRUTH_FOLDER, GeneratorSpec, generate, truth_path

    wanted = [day - timedelta(days=n) for n in range(days - 1, -1, -1)]
    missing = [d for d in wanted if not truth_path(settings.landing_dir / TRUTH_FOLDER, d).exists()]
    if not missing:
        console.print("  there already", highlight=False)
        return
    first = missing[0]
    spec = GeneratorSpec(start=first, days=(day - first).days + 1, sessions_per_day=sessions_per_day)
    with progress_bar(console, "  generating") as tell:
        report = generate(settings.landing_dir, spec, tell, workers=2)
    console.print(f"  {report.lines:,} lines, {report.sessions:,} sessions, {report.buyers:,} buyers", highlight=False)


def _summary(settings: Settings, run: Outcome, step: str) -> dict[str, Any]:
    report = past_report(settings, run.run_id, step)
    if report is None or not report["ok"]:
        text = report["error"]["text"] if report else "it did not run"
        raise LocalServiceError(
            f"step {step}", found=text, expected="a summary", fix=f"Read the task's log under {run.log}."
        )
    summary: dict[str, Any] = report["summary"]
    return summary


def _verdict(settings: Settings, run: Outcome) -> dict[str, Any]:
    gate = _summary(settings, run, "gate")
    return gate if not gate["passed"] else _summary(settings, run, "probe")


def _score_a_session(settings: Settings, day: date, digest: str) -> dict[str, Any]:
    """The holdout session that the model is surest of, scored by its events: by the image that comes back from the
    registry."""
    from leapline.serving.probe import running

    lake = Lake(settings.home)
    manifest = read_json(lake.current("packages", day) / "manifest.json")
    sample = probe_sample.read_sample(lake.current("evaluations", day), (), manifest)
    session = sample.sessions[max(range(len(sample.buys)), key=lambda i: sample.buys[i])]
    with tempfile.TemporaryDirectory(prefix="leapline-demo-") as work:
        layout = registry(settings).pull(digest, Path(work) / "image")
        with running(layout, Path(work)) as client:
            model = client.ready()
            answer = client.score([session])[0]
    return {"session": session, "answer": answer, "model": model}


def best_possible(settings: Settings, day: date) -> float | None:
    """The ROC AUC of the true chances on the very holdout sessions; None for events that were not generated."""
    import pandas as pd

    from leapline.synthetic import TRUTH_FOLDER, best_roc_auc

    key = settings.key_bytes()
    scores = pd.read_parquet(Lake(settings.home).current("evaluations", day) / "scores.parquet")
    try:
        return best_roc_auc(
            settings.landing_dir / TRUTH_FOLDER,
            [day],
            set(scores["session"]),
            lambda session: hmac.new(key, session.encode(), hashlib.sha256).hexdigest(),
        )
    except LeaplineError:
        return None


def _tell(
    console: Console,
    settings: Settings,
    day: date,
    run: Outcome,
    published: dict[str, Any],
    scored: dict[str, Any],
    seconds: float,
) -> None:
    lake, probe = Lake(settings.home), _summary(settings, run, "probe")
    moved = _summary(settings, run, "promote")
    metrics, best = published["metrics"], best_possible(settings, day)
    low, high = metrics["roc_auc_interval"]
    answer = scored["answer"]
    rows = {
        "verdict": verdicts.final(lake, day)["summary"],
        "ROC AUC": f"{metrics['roc_auc']:.4f} (95 %: {low:.4f} to {high:.4f})"
        + (f", best possible {best:.4f}" if best else ""),
        "average precision": f"{metrics['average_precision']:.4f}",
        "probe": probe["sentence"],
        "model": published["model_id"],
        "image": f"{published['image']}@{published['digest']}",
        "champion": "this model, from now on" if moved["promoted"] else f"left in place: {moved['why']}",
        "a session": f"{answer['segment']} {answer['buy']:.2f} after {answer['events_seen']} events",
        "plots": str(lake.current("models", published["model_id"]) / "plots"),
        "model card": str(lake.current("models", published["model_id"]) / "card.md"),
        "took": f"{seconds:.0f} s",
    }
    console.print()
    for name, value in rows.items():
        console.print(f"  [bold]{name:<18}[/]{value}", soft_wrap=True, highlight=False)
    file = settings.home / "session.json"
    file.write_text(json.dumps({"session": scored["session"]}, indent=1) + "\n", encoding="utf-8")
    archive = lake.current("models", published["model_id"]) / "model.zip"
    console.print(
        f"\nNext: [bold]make up[/] for Airflow's web UI, [bold].venv/bin/leapline models[/] for what was published,\n"
        f"[bold].local/bin/scorer serve --addr {SCORER} {archive}[/] and\n"
        f"[bold].venv/bin/leapline score --url http://{SCORER} {file}[/] to score that session yourself.",
        highlight=False,
        soft_wrap=True,
    )
