"""The verdict: may this model be published, and why. A refusal is data, not an error."""

from typing import Any

from leapline.evaluation.verdict import Verdict, decide
from leapline.records import history, model_record, verdicts
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import Lake, write_json


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Judge the day's evaluation, and write verdict and model card.

    Raises:
        NotInLakeError: no evaluation of that day.
    """
    lake = Lake(settings.home)
    found = model_record.read(lake, context.day)
    verdict = decide(found.evidence, verdicts.limits(settings))
    result = verdicts.TO_BE_PROBED if verdict.passed else verdicts.result(passed=False, backfill=context.backfill)
    document = verdicts.document(verdict, context, found.champion, result)
    with lake.attempt("verdicts", context.day) as out:
        write_json(out / verdicts.FILE, document)
        model_record.write_cards(out, found, verdict)
    if not verdict.passed:
        # The probe has the last word on the others, and writes it down.
        history.write(settings)
    return _summary(verdict, found, document) | {"card": str(out / model_record.CARD), "plots": str(found.plots)}


def _summary(verdict: Verdict, found: model_record.Papers, document: dict[str, Any]) -> dict[str, Any]:
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
