"""Decide whether the candidate may be published, and why. A refusal is a result, not an error."""

from dataclasses import replace
from typing import Any

from leapline.evaluation.verdict import Verdict, decide
from leapline.records import binding, history, model_record, verdicts
from leapline.records.loosened import with_notes
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import lake_of, write_json


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Judge the day's evaluation, and write the verdict and the model card.

    Raises:
        NotInLakeError: no evaluation of that day.
        InputChangedError: the evaluation is of another candidate.
    """
    lake = lake_of(settings)
    inputs = binding.checked_inputs(lake, "evaluations", context.day)
    record = model_record.read(lake, context.day)
    decided = decide(record.evidence, verdicts.gate_limits(settings))
    verdict = replace(decided, rules=with_notes(decided.rules, settings, context.person))
    result = verdicts.TO_BE_PROBED if verdict.passed else verdicts.result_of(passed=False, backfill=context.backfill)
    document = verdicts.verdict_document(verdict, context, record.champion, result)
    with lake.attempt("verdicts", context.day) as out:
        write_json(out / verdicts.FILE, document)
        model_record.write_cards(out, record, verdict)
        binding.seal(lake, out, inputs)
    if not verdict.passed:
        # For a candidate that passed, the probe writes the history, after the final verdict.
        history.write(settings)
    return _summary(verdict, record, document) | {
        "card": lake.address(out, model_record.CARD),
        "plots": lake.address(lake.current("evaluations", context.day), "plots"),
    }


def _summary(verdict: Verdict, record: model_record.CandidateRecord, document: dict[str, Any]) -> dict[str, Any]:
    metrics = record.evidence.metrics
    return {
        "passed": verdict.passed,
        "sentence": verdict.summary,
        "result": document["result"],
        "champion": record.champion.model_id,
        "champion_state": f"{record.champion.state}: {record.champion.why}",
        "best_champion": record.best_champion.text,
        "rules": document["rules"],
        "roc_auc": metrics.roc_auc,
        "average_precision": metrics.average_precision,
    }


if __name__ == "__main__":
    main("gate", run)
