"""The verdict: may this model be published, and why. A refusal is data, not an error."""

from typing import Any

from leapline.evaluation.verdict import Verdict, decide
from leapline.jobs import history, judgement, papers
from leapline.jobs.run import Run, main
from leapline.settings import Settings
from leapline.storage import Lake, write_json


def run(settings: Settings, run: Run) -> dict[str, Any]:
    """Judge the day's evaluation, and write verdict and model card.

    Raises:
        NotInLakeError: no evaluation of that day.
    """
    lake = Lake(settings.home)
    found = papers.read(lake, run.day)
    verdict = decide(found.evidence, judgement.limits(settings))
    result = judgement.TO_BE_PROBED if verdict.passed else judgement.result(passed=False, backfill=run.backfill)
    document = judgement.document(verdict, run, found.champion, result)
    with lake.attempt("verdicts", run.day) as out:
        write_json(out / judgement.FILE, document)
        papers.write_cards(out, found, verdict)
    if not verdict.passed:
        # The probe has the last word on the others, and writes it down.
        history.write(settings)
    return _summary(verdict, found, document) | {"card": str(out / papers.CARD), "plots": str(found.plots)}


def _summary(verdict: Verdict, found: papers.Papers, document: dict[str, Any]) -> dict[str, Any]:
    metrics = found.evidence.metrics
    return {
        "passed": verdict.passed,
        "sentence": verdict.summary,
        "result": document["result"],
        "champion": found.champion.model_id,
        "champion_state": f"{found.champion.state}: {found.champion.why}",
        "rules": document["rules"],
        "roc_auc": metrics.roc_auc,
        "average_precision": metrics.average_precision,
    }


if __name__ == "__main__":
    main("gate", run)
