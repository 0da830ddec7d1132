"""Make every target of the setting `deploy` run the champion, if this run has promoted it."""

from typing import Any

from leapline.rollout.deploy import deploy_champion
from leapline.rollout.logins import Logins
from leapline.rollout.target import parse_targets
from leapline.runtime.context import RunContext
from leapline.runtime.reports import past_report
from leapline.runtime.step import main
from leapline.settings import Settings

NO_TARGET = "LEAPLINE_DEPLOY names no target"


def run(settings: Settings, context: RunContext, logins: Logins | None = None) -> dict[str, Any]:
    """Deploy what `champion` names, after a promotion by this run.

    Args:
        settings: name the targets.
        context: the run.
        logins: to the platforms; those of the environment if None.

    Returns:
        The result of `deploy_champion`, or `{"skipped", "why"}`.

    Raises:
        SettingsError: the setting `deploy` is wrong.
        DeployError: targets failed; the others run the champion.
        RegistryError: the registry does not answer; nothing was changed.
    """
    if blocker := _blocker(settings, context):
        return {"skipped": True, "why": blocker}
    return deploy_champion(settings, context.run_id, logins)


def _blocker(settings: Settings, context: RunContext) -> str:
    """Return why nothing is deployed; empty if it is."""
    if not parse_targets(settings.deploy):
        return NO_TARGET
    report = past_report(settings, context.run_id, "promote")
    promotion = (report or {}).get("summary") or {}
    if promotion.get("promoted"):
        return ""
    return f"this run has promoted nothing: {promotion.get('why', 'the step promote has not run')}"


if __name__ == "__main__":
    main("deploy", run)
