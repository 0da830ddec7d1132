"""Run stages in the drill's process, up to the first one that fails or refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from leapline.drill.site import DAY, Site
from leapline.errors import LeaplineError
from leapline.runtime.context import RunContext
from leapline.runtime.step import perform


@dataclass(frozen=True)
class Stop:
    """Where a run stopped.

    Attributes:
        stage: the stage.
        reason: class, thing and state of the error, or the sentence of a refusal.
    """

    stage: str
    reason: str


def run_stages(site: Site, stages: Sequence[str], overrides: Mapping[str, Any], run_id: str = "") -> Stop | None:
    """Run stages in order, as `leapline run` does; return where and why the run stopped, None if it did not.

    Args:
        site: the installation.
        stages: names of steps.
        overrides: settings of this run.
        run_id: that of the run that is broken if empty.
    """
    settings = site.settings.model_copy(update=dict(overrides))
    context = RunContext(DAY, run_id or site.run_id)
    for stage in stages:
        try:
            summary = perform(stage, import_module(f"leapline.steps.{stage}").run, settings, context)
        except LeaplineError as exc:
            return Stop(stage, f"{type(exc).__name__}: {exc.thing}: {exc.found}")
        except Exception as exc:  # of a library: not as it should be reported, but noticed
            return Stop(stage, f"{type(exc).__name__}: {exc}")
        if summary.get("passed") is False:
            return Stop(stage, str(summary["sentence"]))
    return None
