"""Move the tag `champion` to the day's published model."""

from dataclasses import replace
from typing import Any

from leapline.deployment.factory import champion_tags, promotion_request
from leapline.deployment.ledger_report import head_of
from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.records import binding, data_seals, loosened, verdicts
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import lake_of, read_json


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Promote the model if `champion` still names the image that the verdict compares with.

    Nothing is moved if the run was started without promotion. A backfill is promoted only if the settings allow it, and
    may then replace a model of a later data day.

    Raises:
        NotInLakeError: nothing was published for that day.
        InputChangedError: data of the day was changed, or it was judged or packaged again since it was published.
        ContradictionError: registry and ledger do not agree about the champion, or the repository is another lake's.
        LedgerError: something is wrong with the ledger.
        RegistryError: no clear answer; `champion` names the old or the new image.
    """
    lake = lake_of(settings)
    binding.require_own_content(lake, context.day, "verdicts", "packages", "probes")
    model_id = read_json(lake.current("packages", context.day) / "package.json")["model_id"]
    binding.require_own_content(lake, context.day, "models", key=model_id)
    publication = read_json(lake.current("models", model_id) / "publication.json")
    digest, verdict = publication["digest"], verdicts.effective_verdict(lake, context.day)
    tags = champion_tags(settings)
    summary = {"model_id": model_id, "result": verdict["result"], "verdict": verdict["summary"]}
    if blocker := _blocker(settings, context, verdict):
        current = tags.registry.digest(CHAMPION_TAG)
        return summary | {
            "promoted": False, "champion": current, "is_champion": current == digest, "why": blocker,
        }  # fmt: skip
    data_seals.require_day_unchanged(lake, context.day)
    record = binding.checked_inputs(lake, "models", context.day, model_id)["models"]
    promotion = tags.promote(
        digest,
        replace(promotion_request(context.run_id, _reason(verdict)), record=record),
        expected_current=verdict["champion"]["digest"],
        allow_older=context.backfill and settings.promote_backfills,
    )
    return summary | {
        "promoted": promotion.moved,
        "champion": promotion.champion,
        "previous": promotion.previous,
        "is_champion": promotion.is_champion,
        "why": promotion.why or _reason(verdict),
        "ledger": head_of(tags.ledger),
    }


def _reason(verdict: dict[str, Any]) -> str:
    """Return the ledger's reason: the verdict, the platforms that were not executed, and who loosened a limit."""
    notes = loosened.notes_of(verdict)
    untested = [rule["name"].split()[-1] for rule in verdict["rules"] if _is_untested(rule)]
    parts = [f"Untested: {', '.join(untested)}." if untested else "", f"Limits: {notes}." if notes else ""]
    return " ".join(filter(None, [str(verdict["summary"]), *parts]))


def _is_untested(rule: dict[str, Any]) -> bool:
    """Return whether a platform was published without being executed."""
    return bool(rule["name"].startswith("probe_platform ") and rule["value"] is None)


def _blocker(settings: Settings, context: RunContext, verdict: dict[str, Any]) -> str:
    """Return why `champion` stays whatever it names; empty if nothing forbids the move."""
    if not verdict["passed"]:
        return f"the verdict in force refuses it: {verdict['summary']}"
    if "gate" not in verdict:
        return "the verdict in force has not been probed"
    if not settings.promote:
        return "this run was started without promotion"
    if settings.second_approver and (notes := loosened.notes_of(verdict)):
        return f"a limit was {notes}; a person promotes the model with the DAG `promote`, and a second one confirms it"
    if context.backfill and not settings.promote_backfills:
        return f"a backfill does not replace the champion; it would have been published: {verdict['summary']}"
    if verdict["champion"]["state"] == "off" and verdict["champion"]["digest"] is None:
        return "the verdict was given without knowing the champion"
    return ""


if __name__ == "__main__":
    main("promote", run)
