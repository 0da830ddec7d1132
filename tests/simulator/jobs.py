"""What actors do: runs with their retries, and what people and other lakes do to lake, ledger and tags."""

import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

from leapline.deployment.factory import champion_digest, ledger_of, registry
from leapline.deployment.manual_promotion import accept_state, promote_model, roll_back
from leapline.errors import ErasureError, LeaplineError, SupersededError
from leapline.privacy.erasure import Erased
from leapline.privacy.receipt import write_receipt
from leapline.privacy.retention import delete_before
from leapline.promotion.ledger_entry import complete_lines
from leapline.runtime.context import RunContext
from leapline.runtime.day_owner import take_day
from leapline.runtime.step import Step, perform
from leapline.settings import Settings
from leapline.steps import promote, publish
from leapline.storage import lake_of
from tests.simulator.accidents import Accidents
from tests.simulator.history import entries_of
from tests.simulator.job import Job, Outside, Run
from tests.simulator.judging import Judging
from tests.simulator.world import World

RETRIES: Final = 2
RETRY_DELAY_S: Final = 300.0


class Jobs(Accidents):
    """Makes jobs of a world.

    Args:
        world: in which they work.
        judging: the steps before `publish`.
        watch: notes what happens past Leapline.
    """

    def __init__(self, world: World, judging: Judging, watch: Outside) -> None:
        super().__init__(world, watch)
        self._judging = judging

    def run(
        self,
        settings: Settings,
        day: date,
        run_id: str,
        *,
        backfill: bool = False,
        restart: bool = False,
        finished: Sequence[str] = (),
    ) -> Run:
        """A run of a day, with the retries of its tasks.

        Args:
            settings: of the installation.
            day: of the data.
            run_id: of the run.
            backfill: whether it rebuilds the past.
            restart: whether it begins from its first step when it is begun again.
            finished: the steps that it leaves out, as a single command does.
        """
        context = RunContext(day, run_id, backfill)
        steps = {
            "train": self._judging.train,
            "gate": self._judging.gate,
            "publish": publish.run,
            "promote": promote.run,
        }

        def work(job: Job) -> None:
            assert isinstance(job, Run)
            if job.restart and not finished:
                job.finished.clear()
            if not job.finished:
                take_day(settings, day, run_id)
                job.finished.append("resolve")
            for step in [step for step in steps if step not in job.finished]:
                summary = self._retried(lambda step=step: self._perform(job, step, steps[step]))
                job.finished.append(step)
                if step == "gate" and not summary["passed"]:
                    return
                if step == "promote":
                    job.promoted = summary

        return Run(f"run {run_id}", settings, work, context=context, restart=restart, finished=list(finished))

    def _perform(self, job: Run, step: str, function: Step) -> dict[str, Any]:
        job.began = self._world.scheduler.steps
        return perform(step, function, job.settings, job.context)

    def rollback(self, settings: Settings, run_id: str, choose: Callable[[], str | None]) -> Job:
        """A person rolls back, to a model that is chosen when the job begins, or to the previous one."""

        def work(_: Job) -> Any:
            return self._retried(lambda: roll_back(settings, to=choose(), why="by hand", run_id=run_id, who="ada"))

        return Job(f"rollback {run_id}", settings, self._begun(work), by_hand=True)

    def promotion(self, settings: Settings, run_id: str, choose: Callable[[], str | None]) -> Job:
        """A person promotes a published model."""

        def work(_: Job) -> Any:
            model = choose()
            if model is None:
                return None
            return self._retried(
                lambda: promote_model(settings, model_id=model, why="by hand", run_id=run_id, who="ada")
            )

        return Job(f"promotion {run_id}", settings, self._begun(work), by_hand=True)

    def acceptance(self, settings: Settings, run_id: str) -> Job:
        """A person accepts the state, if there is something to accept."""

        def work(_: Job) -> Any:
            lake = str(settings.lake)
            with self._world.history.recorded(lake, "accept", {"run": run_id}) as call:
                result = accept_state(settings, why="looked at", run_id=run_id, who="ada")
                call.output = {"kind": "moved" if result["accepted"] else "unmoved", "champion": result["champion"]}
            return result

        return Job(f"accept {run_id}", settings, work)

    def reader(self, settings: Settings, name: str, times: int) -> Job:
        """Somebody reads champion and ledger, as the page and the next evaluation do."""

        def work(_: Job) -> None:
            for _ in range(times):
                try:
                    champion_digest(settings, registry(settings))
                    entries_of(self._world.history, ledger_of(settings))
                except LeaplineError as exc:
                    self._world.scheduler.note(f"reads {type(exc).__name__}")
                self._world.scheduler.sleep(self._world.random.uniform(1, 200))

        return Job(f"reader {name}", settings, work, repeatable=False)

    def retention(self, settings: Settings, first: date) -> Job:
        """Old rows are deleted."""
        return Job("retention", settings, lambda _: delete_before(lake_of(settings), first))

    def erasure(self, settings: Settings, run_id: str, days: list[date]) -> Job:
        """Visitors were erased from some days: the receipt lists the models that have to be replaced."""

        def work(_: Job) -> Any:
            today = self._world.clock.stored().date()
            erased = [Erased(day.isoformat(), events=1) for day in days]
            return write_receipt(settings, lake_of(settings), run_id, today, 1, erased)

        return Job(f"erasure {run_id}", settings, work)

    def _begun(self, work: Callable[[Job], Any]) -> Callable[[Job], Any]:
        """Note the date on which a job is begun."""

        def begun(job: Job) -> Any:
            job.day_begun, job.began = self._world.clock.stored().date(), self._world.scheduler.steps
            return work(job)

        return begun

    def _retried(self, action: Callable[[], Any]) -> Any:
        """Repeat an action after errors that may be temporary, as tasks are."""
        for attempt in range(RETRIES + 1):
            try:
                return action()
            except LeaplineError as exc:
                self._world.scheduler.note(f"{type(exc).__name__}: {exc}")
                if not exc.retriable or attempt == RETRIES:
                    raise
                self._world.scheduler.sleep(RETRY_DELAY_S)
        raise AssertionError


def is_final(error: LeaplineError | None) -> bool:
    """Return whether an error is an answer, which another attempt would get again: a decision, or a missing model."""
    return isinstance(error, SupersededError | ErasureError) or (error is not None and error.found == "no such tag")


def entries_in(content: bytes | None) -> list[dict[str, Any]]:
    """Return the entries of a ledger's file, without an unfinished last line."""
    return [json.loads(line) for line in complete_lines(content or b"").splitlines()]
