"""The verdict: may this model be published, and why. A refusal is data, not an error."""

from typing import Any

from leapline.evaluation.metrics import Metrics
from leapline.evaluation.verdict import Limits, decide
from leapline.jobs.card import write_card
from leapline.jobs.run import Run, main
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_json


def run(settings: Settings, run: Run) -> dict[str, Any]:
    """Judge the day's evaluation, and write verdict and model card.

    Raises:
        NotInLakeError: no evaluation of that day.
    """
    lake = Lake(settings.home)
    content = read_json(lake.current("evaluations", run.day) / "metrics.json")
    largest_tree = content.pop("largest_tree")
    training = read_json(lake.current("candidates", run.day) / "training.json")
    metrics = Metrics.from_dict(content)
    limits = Limits(settings.roc_auc_threshold, settings.min_positives)
    verdict = decide(metrics, limits, training["days"], largest_tree).as_dict()
    with lake.attempt("verdicts", run.day) as out:
        write_json(out / "verdict.json", verdict)
        write_card(lake, run.day, out / "card.md", verdict)
    return {
        "passed": verdict["passed"],
        "sentence": verdict["summary"],
        "rules": verdict["rules"],
        "roc_auc": metrics.roc_auc,
        "average_precision": metrics.average_precision,
        "card": str(lake.current("verdicts", run.day) / "card.md"),
    }


if __name__ == "__main__":
    main("gate", run)
