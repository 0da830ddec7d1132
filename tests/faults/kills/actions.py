"""Actions that are killed. They are in a module without pytest, which every process would have to import."""

from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from leapline.deployment.manual_promotion import promote_model, roll_back
from leapline.runtime.context import RunContext
from leapline.runtime.step import perform
from leapline.settings import Settings
from tests.steps.packaged import CHAMPION, DAY, MODEL

RUN = RunContext(DAY, "run")


def perform_step(step: str, settings: Settings, context: RunContext) -> dict[str, Any]:
    """Run a step with its report, as Airflow and `leapline` do."""
    return perform(step, import_module(f"leapline.steps.{step}").run, settings, context)


def publish(settings: Settings) -> object:
    return perform_step("publish", settings, RUN)


def promote(settings: Settings) -> object:
    return perform_step("promote", settings, RUN)


def promote_by_hand(settings: Settings) -> object:
    return promote_model(settings, model_id=MODEL, why="test", run_id="by hand")


def roll_back_by_hand(settings: Settings) -> object:
    return roll_back(settings, to=CHAMPION, why="test", run_id="by hand")


def retain(settings: Settings) -> object:
    return perform_step("retain", settings, RunContext(datetime.now(UTC).date(), "run"))
