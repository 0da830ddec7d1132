"""Writes the lake that many past runs would have left, for the Models page, which only reads."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from leapline.deployment.factory import ledger_of
from leapline.evaluation import metrics, plots
from leapline.evaluation.bootstrap import Comparison
from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.served_rules import ServedEvidence
from leapline.evaluation.session_progress import Progress
from leapline.evaluation.slices import Slice
from leapline.evaluation.verdict import Evidence, Limits, Verdict, conclude, decide
from leapline.promotion.ledger import HEAD, KEY, Entry
from leapline.records.verdicts import TO_BE_PROBED, effective_verdict, verdict_document
from leapline.runtime.context import RunContext
from leapline.runtime.reports import describe, report_key, write_report
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_json

DATA_DOCS = Path(__file__).parent / "data_docs"
"""Pages recorded from Great Expectations; scripts fill the tables of the index."""
EVIL = "<img src=x onerror=\"document.title='broken in'\">"
SECONDS = {"extract": 168.2, "check_events": 11.2, "featurize": 30.9, "train": 41.6, "evaluate": 49.1, "gate": 0.1}
LATER = {"package": 1.8, "probe": 9.6, "publish": 0.4, "promote": 0.2, "deploy": 0.1}
BUYERS = 0.055
SLICES = (
    Slice("device", "Computer", 2011, 131, 0.921, (0.9, 0.94)),
    Slice("device", EVIL, 7, 0, None, None),
    Slice("visitor", "new", 1630, 72, 0.908, (0.87, 0.94)),
    Slice("visitor", "returning", 1770, 115, 0.917, (0.89, 0.94)),
)
VERSUS_CHAMPION = Comparison(0.0041, (-0.0032, 0.0117), 0.9188, 0.0067, (-0.0103, 0.0241))
VERSUS_MARKOV = Comparison(0.0815, (0.0602, 0.1049), 0.8402, 0.1934, (0.1375, 0.2522))
PROGRESS = (
    Progress("1 to 4", 3260, 42, 0.642, (0.553, 0.722), 0.623, 0.019, (-0.104, 0.142)),
    Progress("5 to 9", 1230, 51, 0.677, (0.597, 0.748), 0.614, 0.063, (-0.032, 0.158)),
    Progress("10 to 19", 1040, 80, 0.797, (0.745, 0.841), 0.735, 0.062, (0.018, 0.106)),
    Progress("20 and more", 931, 15),
)
RATIO = CalibrationRatio(0.0572, 0.055, 1.04, (0.921, 1.186))
CALIBRATION = {"kind": "odds", "factor": BUYERS / (1 - BUYERS)}
IMPORTANCES = {
    "n_cart_adds": 0.176, "cart_value": 0.130, "n_item_views": 0.118, "length_s": 0.094, "n_clicks": 0.081,
    "mean_dwell_s": 0.072, "unique_items": 0.066, "n_searches": 0.058, "last_viewed_price": 0.051, "start_hour": 0.044,
    "top_category": 0.038, "referrer": 0.032, "device_type": 0.021, "session_index": 0.019,
}  # fmt: skip


class PastRuns:
    """Writes the results of past runs into the lake of `settings`."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.lake = settings, Lake(settings.home)
        self._ledger = ledger_of(settings)
        self._champion: str | None = None

    def add(self, day: date, *, skill: float = 2.0, examples: int = 3400, with_plots: bool = False) -> str | None:
        """Add a run that evaluates a model; return the digest of the promoted image, None if it was refused."""
        measured = self.evaluate(day, skill, examples, with_plots)
        champion = self._champion_comparison()
        verdict = self._decide(day, measured, champion)
        summaries = {"evaluate": measured.as_dict() | {"champion": champion.as_dict()}, "gate": _gate(verdict)}
        self._reports(day, SECONDS, self._summaries(day) | summaries)
        if not verdict.passed:
            return None
        digest = self._publish(day, measured, verdict)
        self.promote(day, digest)
        return digest

    def add_failed(self, day: date, error: Any, step: str = "check_events") -> None:
        """Add a run that failed in `step`."""
        seconds = {s: t for s, t in SECONDS.items() if list(SECONDS).index(s) < list(SECONDS).index(step)}
        self._reports(day, seconds, self._summaries(day))
        self._write(day, step, {"ok": False, "error": describe(error)})

    def promote(self, day: date, digest: str, model_id: str = "") -> None:
        """Add an entry to the ledger, on the following morning."""
        when = datetime(day.year, day.month, day.day, 4, 12, tzinfo=UTC) + timedelta(days=1)
        name = model_id or f"{day}-{digest[7:19]}"
        run, why = f"scheduled__{day}", "Passed all rules."
        parts = (when.isoformat(), "leapline", why, run, "promote", "champion", name, self._champion, digest)
        self._ledger.append(Entry(*parts))
        self._champion = digest

    def forget_promotions(self, model_ids: list[str]) -> None:
        """Remove the promotions of these models from the ledger."""
        kept = [entry for entry in self._ledger.entries() if entry.model_id not in model_ids]
        for name in (KEY, HEAD):
            self._ledger.store.delete(name)
        for entry in kept:
            self._ledger.append(entry)
        self._champion = kept[-1].after

    def image_is(self, model_id: str, digest: str, image: str) -> None:
        """Set the digest and the image of a published model."""
        day, path = date.fromisoformat(model_id[:10]), self.lake.current("models", model_id) / "publication.json"
        write_json(path, read_json(path) | {"digest": digest, "image": image})
        self._write(day, "publish", {"ok": True, "summary": read_json(path), "seconds": LATER["publish"]})

    def evaluate(self, day: date, skill: float, examples: int = 3400, with_plots: bool = False) -> metrics.Metrics:
        """Write a candidate, its evaluation and its data checks; return the metrics."""
        generator = np.random.default_rng(day.toordinal())
        labels = (generator.random(examples) < BUYERS).astype(float)
        # Two normal distributions: the logistic of their log-likelihood ratio is the true probability for equal priors.
        observed = generator.normal(0, 1, examples) + skill * labels
        scores = 1 / (1 + np.exp(-(skill * observed - skill**2 / 2)))
        bootstrap = metrics.Bootstrap(np.arange(examples).astype(str), resamples=100)
        measured = metrics.measure(labels, scores, CALIBRATION, bootstrap)
        curves = metrics.curves(labels, scores, CALIBRATION)
        with self.lake.attempt("candidates", day) as out:
            write_json(out / "training.json", {"importances": IMPORTANCES, "calibration": CALIBRATION})
        with self.lake.attempt("evaluations", day) as out:
            parts = {"slices": [asdict(s) for s in SLICES], "moments": [asdict(group) for group in PROGRESS]}
            write_json(out / "metrics.json", measured.as_dict() | parts | {"calibration_ratio": asdict(RATIO)})
            if curves:
                write_json(out / "curves.json", curves.as_dict())
            if with_plots:
                plots.draw(out / "plots", f"Data day {day}", measured, curves, IMPORTANCES)
        self._check(day)
        return measured

    def _check(self, day: date) -> None:
        outcomes = [
            {"name": "events", "observed": 43706.0, "expected": "at least 21000", "passed": True, "why": ""},
            {"name": "quarantined_share", "observed": 0.0023, "expected": "0 to 0.05", "passed": True, "why": ""},
            {"name": "personal_data", "observed": 0.0, "expected": "none", "passed": True, "why": ""},
        ]
        with self.lake.attempt("checks", day) as out:
            shutil.copytree(DATA_DOCS, out / "data_docs")
            result = {"passed": True, "sentence": "All 3 expectations are met.", "outcomes": outcomes}
            write_json(out / "result.json", result | {"docs": "data_docs/index.html", "source": "attempt-1"})

    def _decide(self, day: date, measured: metrics.Metrics, champion: ChampionComparison) -> Verdict:
        served = ServedEvidence(PROGRESS, RATIO)
        evidence = Evidence(
            measured, _training_days(day), 853, IMPORTANCES, SLICES, champion, VERSUS_MARKOV, served=served
        )
        verdict = conclude(decide(evidence, Limits()).rules)
        with self.lake.attempt("verdicts", day) as out:
            result = TO_BE_PROBED if verdict.passed else "refused"
            write_json(out / "verdict.json", verdict_document(verdict, RunContext(day, "run"), champion, result))
            (out / "card.md").write_text(_card(day, verdict.summary))
        if verdict.passed:
            final = verdict_document(verdict, RunContext(day, "run"), champion, "published") | {"gate": out.name}
            with self.lake.attempt("probes", day) as probed:
                write_json(probed / "verdict.json", final)
        return verdict

    def _publish(self, day: date, measured: metrics.Metrics, verdict: Verdict) -> str:
        digest = f"sha256:{day.toordinal():064x}"[:7] + f"{day.toordinal() * 2654435761 % 16**12:012x}" + "0" * 52
        model_id = f"{day}-{digest[7:19]}"
        numbers = {k: v for k, v in measured.as_dict().items() if k in {"roc_auc", "roc_auc_interval"}}
        numbers |= {"average_precision": measured.average_precision}
        publication = {
            "model_id": model_id,
            "data_day": day.isoformat(),
            "digest": digest,
            "image": self.settings.image,
            "docker_images": {"arm64": {"digest": f"sha256:{'d' * 64}", "tag": f"{model_id}-docker-arm64"}},
            "platforms": {"amd64": "tested natively", "arm64": "tested by emulation (qemu-aarch64 7.2.22)"},
        }
        with self.lake.attempt("models", model_id) as out:
            write_json(out / "publication.json", publication | {"metrics": numbers})
            write_json(out / "verdict.json", effective_verdict(self.lake, day))
            (out / "card.md").write_text(_card(day, verdict.summary))
            plots_folder = self.lake.current("evaluations", day) / "plots"
            if plots_folder.is_dir():
                shutil.copytree(plots_folder, out / "plots")
        probe = {"passed": True, "rows": 2000, "sentence": "The image gives Spark's probability on 2000 rows."}
        promoted = {"promoted": True, "model_id": model_id, "why": verdict.summary}
        summaries = {"package": {}, "probe": probe, "publish": publication, "promote": promoted}
        self._reports(day, LATER, summaries | {"deploy": {"skipped": True, "why": "LEAPLINE_DEPLOY names no target"}})
        return digest

    def _summaries(self, day: date) -> dict[str, Any]:
        counts = {
            "lines": 231474, "other_days": 177265, "added": 412, "events": 43706, "late_taken": 126,
            "quarantined_share": 0.0024,
            "excluded": {"bot": 2255, "duplicate": 554, "no_consent": 8011},
            "quarantined": {"width": 53, "not_utf8": 32, "clock_skew": 10},
        }  # fmt: skip
        return {
            "extract": {day.isoformat(): counts},
            "check_events": {day.isoformat(): {"passed": True}},
            "featurize": {day.isoformat(): _examples()},
            "train": {"days": _training_days(day), "threshold": 0.186},
            "evaluate": {},
        }

    def _champion_comparison(self) -> ChampionComparison:
        if self._champion is None:
            return ChampionComparison("none", "there is no champion yet")
        champion = self._ledger.entries()[-1]
        return ChampionComparison("compared", "", champion.after, champion.model_id, VERSUS_CHAMPION)

    def _reports(self, day: date, seconds: dict[str, float], summaries: dict[str, Any]) -> None:
        for step, duration in seconds.items():
            self._write(day, step, {"ok": True, "summary": summaries[step], "seconds": duration})

    def _write(self, day: date, step: str, content: dict[str, Any]) -> None:
        run_id = f"scheduled__{day + timedelta(days=1)}T00:00:00+00:00"
        write_report(self.settings, run_id, step, {"step": step, "day": day.isoformat(), "run_id": run_id} | content)
        ended = datetime(day.year, day.month, day.day, 4, 12, tzinfo=UTC) + timedelta(days=1)
        os.utime(self.settings.home / report_key(run_id, step), (ended.timestamp(), ended.timestamp()))


def days(last: date, count: int) -> Iterable[date]:
    """Return `count` consecutive days, the last of which is `last`."""
    return (last - timedelta(days=n) for n in range(count - 1, -1, -1))


def _examples() -> dict[str, int]:
    """Return the counts of `featurize`: 3,400 sessions in 5,600 examples."""
    sessions = {
        "clean_sessions": 3412,
        "starting_at_checkout": 12,
        "sessions": 3400,
        "prefixes": 2200,
        "examples": 5600,
    }
    return sessions | {"buying_sessions": 187, "buying_examples": 352, "positives": 187, "features": 31}


def _training_days(day: date) -> list[str]:
    return [(day - timedelta(days=n)).isoformat() for n in range(7, 0, -1)]


def _gate(verdict: Verdict) -> dict[str, Any]:
    """Return the summary of the step `gate`."""
    document = verdict.as_dict()
    return {"passed": document["passed"], "sentence": document["summary"], "rules": document["rules"]}


def _card(day: date, sentence: str) -> str:
    names = ("roc", "precision_recall", "scores", "importances")
    images = "\n\n".join(f"![{name}](plots/{name}.png)" for name in names)
    table = "| metric | value |\n| --- | --- |\n| ROC AUC | 0.91 |"
    return f"# Model card: buy or defer, {day}\n\n**{sentence}**\n\n{EVIL}\n\n## Metrics\n\n{table}\n\n{images}\n"
