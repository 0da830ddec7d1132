"""One seed: a world, its jobs, what goes wrong, the recovery, and the invariants."""

import copy
import random
import traceback
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from leapline.settings import Settings
from tests.simulator import ending
from tests.simulator.invariants import Watch
from tests.simulator.job import Job
from tests.simulator.jobs import Jobs, is_final
from tests.simulator.judging import Judging
from tests.simulator.scenario import FIRST_DAY, REPOSITORY, plan, quality, rates
from tests.simulator.scheduler import Actor
from tests.simulator.world import World

MOST_STEPS: Final = 60_000
_MOST_DEATHS: Final = 3
"""How often a job may lose its actor."""
_ROUNDS: Final = 4


@dataclass
class Outcome:
    """What a seed came to.

    Attributes:
        seed: the seed.
        problem: the invariant that does not hold; empty if all do.
        steps: number of steps.
        deaths: number of actors that vanished.
        faults: number of faults of the registry.
        calls: the history, as JSON lines.
        trace: one line per step, if it was asked for.
    """

    seed: int
    problem: str = ""
    steps: int = 0
    deaths: int = 0
    faults: int = 0
    calls: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Past:
    """The world after a first run, copied into most worlds."""

    contents: dict[str, Any]
    repository: Any
    models: dict[str, Any]


def prepare() -> None:
    """Make the past of all worlds, before a fault is put into the code."""
    _past()


def simulate(seed: int, *, trace: bool = False) -> Outcome:
    """Run the world of a seed until everything has ended, and check the invariants."""
    outcome = Outcome(seed)
    chance = random.Random(f"{seed} kind")
    _past()  # A world of its own, before this one replaces clocks and connections.
    with World(seed, has_system_locks=chance.random() < 0.65) as world:
        if trace:
            world.scheduler.trace = outcome.trace.append
        try:
            _Simulation(world, chance).run()
        except AssertionError as exc:
            outcome.problem = f"{type(exc).__name__}: {exc}"
        except Exception as exc:
            outcome.problem = f"a traceback instead of a clear error: {type(exc).__name__}: {exc}"
            outcome.trace += traceback.format_exc().splitlines()
        outcome.steps, outcome.faults = world.scheduler.steps, len(world.registry.injected)
        outcome.deaths = sum(actor.vanished for actor in world.scheduler.actors)
        outcome.calls = list(world.history.lines(seed))
    return outcome


class _Simulation:
    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.judging = Judging(quality(random.Random(f"{world.seed} quality")))
        lakes = ["home", "foreign"] if chance.random() < 0.1 else ["home"]
        self.installations = [world.settings(lake, REPOSITORY) for lake in lakes]
        beginning = chance.random()
        if beginning < 0.75:
            self._begin_with(_past())
        elif beginning < 0.8:
            self._claimed(_past())
        self.watch = Watch(world, self.judging, self.installations)
        self.watch.has_stranger = 0.75 <= beginning < 0.8
        self.jobs = Jobs(world, self.judging, self.watch)
        self._deaths: dict[Job, int] = {}
        world.scheduler.on_death = self._begin_again

    def run(self) -> None:
        """Let everything happen, then recover, then check."""
        ending.note_beginning(self.world, self.installations)
        planned = plan(self.world, self.judging, self.jobs, self.installations)
        self.watch.jobs = [entry.job for entry in planned]
        wrong = rates(self.world.random)
        self.world.registry.rate, self.world.store_fault_rate = wrong.registry, wrong.store
        self.world.scheduler.death_rate = wrong.death
        for entry in planned:
            self._spawn(entry.job, entry.delay, offset=entry.offset, stall=entry.stall, fatal=entry.fatal)
        self.world.scheduler.run(MOST_STEPS)
        self._recover()
        ending.check(self.world, self.watch, self.jobs, self.judging)

    def _recover(self) -> None:
        """Without faults, everything that has not ended with a decision is begun again."""
        self.world.registry.rate = self.world.store_fault_rate = self.world.scheduler.death_rate = 0.0
        self.world.scheduler.note("RECOVERY: no more faults")
        for _ in range(_ROUNDS):
            left = [job for job in self.watch.jobs if job.repeatable and _is_to_repeat(job)]
            if not left:
                return
            for job in left:
                self._spawn(job, self.world.random.uniform(0, 60))
            self.world.scheduler.run(MOST_STEPS)

    def _spawn(self, job: Job, delay: float, **options: Any) -> None:
        mortal = job.repeatable and self._deaths.get(job, 0) < _MOST_DEATHS
        self.world.scheduler.spawn(job.name, lambda: self._do(job), delay=delay, mortal=mortal, owner=job, **options)

    def _do(self, job: Job) -> None:
        """Do a job, and again if somebody clears it later."""
        job.run()
        while job.repeats > 0 and job.error is None:
            job.clear()
            self.world.scheduler.sleep(self.world.random.uniform(1, 300))
            job.run()

    def _begin_again(self, actor: Actor) -> None:
        job: Job = actor.owner
        self._deaths[job] = self._deaths.get(job, 0) + 1
        self._spawn(job, self.world.random.uniform(1, 600))

    def _begin_with(self, past: _Past) -> None:
        home = self.installations[0]
        self.world.store(home).contents = dict(past.contents)
        self.world.memory.repositories[home.repository] = copy.deepcopy(past.repository)
        self.judging.models.update(past.models)

    def _claimed(self, past: _Past) -> None:
        """Begin with the repository of a lake that is gone, which has lost its champion."""
        repository = copy.deepcopy(past.repository)
        repository.tags = {tag: digest for tag, digest in repository.tags.items() if tag.startswith("lake-")}
        self.world.memory.repositories[self.installations[0].repository] = repository


def _is_to_repeat(job: Job) -> bool:
    """Return whether a job has not ended, or with an error that another attempt may not have."""
    return not job.ended or (job.error is not None and job.error.retriable and not is_final(job.error))


@cache
def _past() -> _Past:
    """Return the world after two runs without faults, the second of which has replaced the champion of the first."""
    with World(-1, has_system_locks=True) as world:
        judging = Judging(lambda: 0.9)
        settings: Settings = world.settings("home", REPOSITORY)
        jobs = Jobs(world, judging, Watch(world, judging, [settings]))
        for number in (-1, 0):
            day = FIRST_DAY.fromordinal(FIRST_DAY.toordinal() + number)
            job = jobs.run(settings, day, f"past-{day.day}")
            world.scheduler.spawn(job.name, job.run, mortal=False, owner=job)
            world.scheduler.run(MOST_STEPS)
            if job.error or not job.promoted or not job.promoted["promoted"]:
                raise AssertionError(f"the past has no champion: {job.error or job.promoted}")
        return _Past(dict(world.store(settings).contents), world.repository(settings), dict(judging.models))
