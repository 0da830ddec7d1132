"""What must hold when everything has ended: the state is that of the jobs in some order, and nothing is stuck."""

import json
from datetime import date

from leapline.deployment.factory import champion_digest, ledger_of, registry
from leapline.errors import LeaplineError
from leapline.promotion.intent import INTENT
from leapline.promotion.ledger import Entry
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.settings import Settings
from leapline.storage import lake_of, read_json
from tests.simulator.history import Call
from tests.simulator.invariants import ViolationError, Watch
from tests.simulator.job import Job, Run
from tests.simulator.jobs import Jobs, is_final
from tests.simulator.judging import Judging, Model
from tests.simulator.observed import Ledgers
from tests.simulator.world import World

_LAST_DAY = date(2026, 3, 9)
MOST_STEPS = 20_000


def note_beginning(world: World, installations: list[Settings]) -> None:
    """Record the state in which a world begins, for the check of linearizability."""
    for settings in installations:
        entries = [f"{entry.after or ''} {entry.run_id}" for entry in ledger_of(settings).checked_entries()]
        tags = world.repository(settings).tags
        content = {"champion": tags.get(CHAMPION_TAG), "previous": tags.get(PREVIOUS_TAG), "entries": entries}
        world.history.calls.append(Call(str(settings.lake), "-", "begin", content, -1, {"kind": "moved"}, -1, last=-1))


def check(world: World, watch: Watch, jobs: Jobs, judging: Judging) -> None:
    """Check the end of a world.

    Raises:
        ViolationError: an invariant does not hold.
    """
    for job in watch.jobs:
        _require(job.ended, f"{job.name} has not ended")
        is_stuck = job.error is not None and job.error.retriable and not is_final(job.error)
        _require(not is_stuck, f"{job.name} does not succeed without faults: {job.error}")
    for seen in watch.ledgers.values():
        _check_records(world, judging, seen)
        if not seen.was_tampered:
            _check_order(world, watch, seen)
    if len(watch.ledgers) == 1:
        _check_recovery(world, watch, jobs, judging)
    watch.check()


def _check_records(world: World, judging: Judging, seen: Ledgers) -> None:
    """Every published model of the lake is a model that has passed."""
    lake = lake_of(seen.settings)
    for model_id in lake.keys("models"):
        digest = read_json(lake.current("models", model_id) / "publication.json")["digest"]
        model = judging.models.get(digest)
        _require(model is not None and model.passes, f"the lake has {model_id} as published, which has not passed")


def _check_order(world: World, watch: Watch, seen: Ledgers) -> None:
    """The ledger is an order of the moves in which each one follows from the state before it."""
    champion: str | None = None
    entries = ledger_of(seen.settings).checked_entries()
    for entry in entries:
        if entry.action == "promote" or (entry.action == "rollback" and watch.is_alone):
            _require(entry.before == champion, f"{entry.run_id} replaced {entry.before}, the champion was {champion}")
        champion = entry.after
    tags = world.repository(seen.settings).tags
    is_moving = world.store(seen.settings).content(INTENT) is not None
    if entries and entries[-1].before and watch.is_alone and not is_moving:
        _require(
            tags.get(PREVIOUS_TAG) == entries[-1].before, f"previous names {tags.get(PREVIOUS_TAG)}: {entries[-1]}"
        )
    for job in watch.jobs:
        if isinstance(job, Run) and job.settings.lake == seen.settings.lake:
            _check_run(job, entries)


def _check_run(job: Run, entries: list[Entry]) -> None:
    recorded = [entry for entry in entries if entry.run_id == job.context.run_id]
    if job.promoted and job.promoted["promoted"]:
        _require(bool(recorded), f"{job.name} reports a promotion that the ledger does not have")
    _require(len({entry.key for entry in recorded}) == len(recorded), f"{job.name} is in the ledger twice")
    if job.context.backfill and not job.settings.promote_backfills:
        _require(not recorded, f"the backfill {job.name} is in the ledger")


def _check_recovery(world: World, watch: Watch, jobs: Jobs, judging: Judging) -> None:
    """Registry and ledger agree; if something happened past Leapline, they do after the decisions of a person."""
    settings = next(iter(watch.ledgers.values())).settings
    problem = _disagreement(world, settings)
    if problem:
        # A move that was killed halfway is not completed if its model has lost its signature since.
        outside = (
            watch.hand_moves
            or watch.has_stranger
            or watch.has_lost_signature
            or watch.ledgers[str(settings.lake)].was_tampered
        )
        _require(bool(outside), f"registry and ledger do not agree, although nobody touched them: {problem}")
        acceptance = jobs.acceptance(settings, "last acceptance")
        _perform(world, watch, acceptance)
        problem = acceptance.result["left"] or _disagreement(world, settings)
        _require(bool(acceptance.result["left"]) or not problem, f"an accepted state does not last: {problem}")
        watch.accepted(settings)
    last = jobs.run(settings, _LAST_DAY, "last")
    _perform(world, watch, last)
    if _disagreement(world, settings):
        models = [
            model.model_id for digest, model in judging.models.items() if _is_usable(world, settings, digest, model)
        ]
        if not models:
            return
        _perform(world, watch, jobs.rollback(settings, "last rollback", lambda: sorted(models)[-1]))
    problem = _disagreement(world, settings)
    _require(not problem, f"no way on: {problem}")
    # A last model that is refused moves nothing, and so leaves an interrupted move to the next run.
    is_complete = last.promoted is None or world.store(settings).content(INTENT) is None
    _require(is_complete, "an intent is left after a promotion")


def _is_usable(world: World, settings: Settings, digest: str, model: Model) -> bool:
    """Return whether a model can be rolled back to: published, recorded, signed, and not to be replaced."""
    tags, store = world.repository(settings).tags, world.store(settings)
    receipts = [json.loads(store.content(key) or b"{}") for key in store.contents if key.startswith("erasures/")]
    return (
        tags.get(model.model_id) == digest
        and store.content(f"models/{model.model_id}/CURRENT") is not None
        and any(tag.startswith(f"{model.model_id}-signature-") for tag in tags)
        and not any(model.model_id in receipt["models"] for receipt in receipts)
    )


def _disagreement(world: World, settings: Settings) -> str:
    try:
        champion = champion_digest(settings, registry(settings))
    except LeaplineError as exc:
        return str(exc)
    tag = world.repository(settings).tags.get(CHAMPION_TAG)
    _require(champion == tag, f"the champion is {champion}, the tag names {tag}")
    return ""


def _perform(world: World, watch: Watch, job: Job) -> None:
    watch.jobs.append(job)
    world.scheduler.spawn(job.name, job.run, mortal=False, owner=job)
    world.scheduler.run(MOST_STEPS)


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ViolationError(problem)
