"""The verdict: may this model be published, and why. A refusal is data, not an error."""

from pathlib import Path
from typing import Any

from leapline.evaluation import card
from leapline.evaluation.metrics import Metrics
from leapline.evaluation.verdict import Limits, Verdict, decide
from leapline.features import spec as specs
from leapline.jobs.lineage import code_version, libraries
from leapline.jobs.run import Run, main
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_bytes, write_json


def run(settings: Settings, run: Run) -> dict[str, Any]:
    """Judge the day's evaluation, and write verdict and model card.

    Raises:
        NotInLakeError: no evaluation of that day.
    """
    lake = Lake(settings.home)
    evaluation = lake.current("evaluations", run.day)
    content = read_json(evaluation / "metrics.json")
    largest_tree = content.pop("largest_tree")
    metrics = Metrics.from_dict(content)
    candidate = lake.current("candidates", run.day)
    training = read_json(candidate / "training.json")
    limits = Limits(settings.roc_auc_threshold, settings.min_positives)
    verdict = decide(metrics, limits, training["days"], largest_tree)
    with lake.attempt("verdicts", run.day) as out:
        write_json(out / "verdict.json", verdict.as_dict())
        subject = _subject(run, candidate, training)
        pictures = {p.stem: f"plots/{p.name}" for p in sorted((evaluation / "plots").glob("*.png"))}
        write_bytes(out / "card.md", card.render(subject, metrics, verdict, pictures).encode())
    return _summary(verdict, metrics) | {"card": str(out / "card.md"), "plots": str(evaluation / "plots")}


def _subject(run: Run, candidate: Path, training: dict[str, Any]) -> card.Subject:
    spec = specs.load(candidate / "features.json")
    return card.Subject(
        data_day=run.day.isoformat(),
        training_days=training["days"],
        training=training,
        features=[feature.model_dump(mode="json") for feature in spec.features],
        threshold=training["threshold"],
        lineage={"code": code_version(), **libraries()},
    )


def _summary(verdict: Verdict, metrics: Metrics) -> dict[str, Any]:
    return {
        "passed": verdict.passed,
        "sentence": verdict.summary,
        "rules": verdict.as_dict()["rules"],
        "roc_auc": metrics.roc_auc,
        "average_precision": metrics.average_precision,
    }


if __name__ == "__main__":
    main("gate", run)
