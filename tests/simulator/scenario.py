"""What happens in the world of a seed: who does what, when, and what goes wrong."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from leapline.settings import Settings
from tests.simulator.accidents import DAMAGES
from tests.simulator.job import Job
from tests.simulator.jobs import Jobs
from tests.simulator.judging import Judging
from tests.simulator.world import World

FIRST_DAY: Final = date(2026, 3, 4)
_DAYS: Final = [FIRST_DAY + timedelta(days=number) for number in (1, 2, 3)]
_BEFORE_PROMOTE: Final = ("resolve", "train", "gate", "publish")
REPOSITORY: Final = "shop/scorer"
_MOVING: Final = (
    "writes promotion.json", "HEAD manifests/champion", "HEAD manifests/previous", "PUT manifests/champion",
    "writes if unchanged ledger-head.json", "writes if unchanged ledger.jsonl", "removes promotion.json",
)  # fmt: skip
"""The effects of a move."""
_STALLING: Final = (
    *_MOVING, "reads ledger-head.json", "reads promotion.json", "reads ledger.jsonl", "locks promotion.lock",
    "reads promotion.lock", "writes if unchanged day-owners", "writes events", "writes models", "GET tags/list",
)  # fmt: skip
"""Before these, the effects of others matter."""


@dataclass(frozen=True)
class Rates:
    """How often things go wrong.

    Attributes:
        registry: share of requests.
        store: share of writes.
        death: share of steps before which an actor vanishes.
    """

    registry: float
    store: float
    death: float


@dataclass(frozen=True)
class Planned:
    """A job and when it begins.

    Attributes:
        job: the job.
        delay: logical seconds.
        offset: by which the clock of its machine is wrong, in seconds.
        stall: where its machine stops for a while, as `Actor.stall`.
        fatal: where it vanishes the first time, as `Actor.fatal`.
    """

    job: Job
    delay: float
    offset: float = 0.0
    stall: tuple[str, float] = ("", 0.0)
    fatal: str = ""


def rates(chance: random.Random) -> Rates:
    """Draw how often things go wrong."""
    return Rates(
        chance.choice((0.0, 0.0, 0.01, 0.04)), chance.choice((0.0, 0.0, 0.002, 0.01)),
        chance.choice((0.0, 0.002, 0.006)),
    )  # fmt: skip


def quality(chance: random.Random) -> Callable[[], float]:
    """Return what draws the quality of candidates; one of six is not good enough."""
    return lambda: round(chance.uniform(0.89, 0.93) if chance.random() < 0.85 else chance.uniform(0.6, 0.87), 4)


def plan(world: World, judging: Judging, jobs: Jobs, installations: list[Settings]) -> list[Planned]:
    """Draw the jobs of a world.

    Args:
        world: of the seed.
        judging: knows the images.
        jobs: makes them.
        installations: the first one has the champion; all have the same repository.
    """
    chance, planned = world.random, list[Job]()
    home, *others = installations
    planned += _runs(chance, jobs, home)
    planned += [jobs.run(other, FIRST_DAY + timedelta(days=3), "foreign") for other in others]
    choose = _choice(world, judging, home)
    people: list[tuple[float, Callable[[], Job]]] = [
        (0.35, lambda: jobs.rollback(home, "back", choose if chance.random() < 0.5 else lambda: None)),
        (0.15, lambda: jobs.rollback(home, "back again", choose)),
        (0.2, lambda: jobs.promotion(home, "forward", choose)),
        (0.15, lambda: jobs.acceptance(home, "accepted")),
        (0.5, lambda: jobs.reader(home, "page", 3)),
        (0.12, lambda: jobs.hand(home, _digest(world, home))),
        (0.06, lambda: jobs.truncated_ledger(home, chance.randint(1, 4))),
        (0.06, lambda: jobs.damaged_ledger(home, chance.choice(DAMAGES))),
        (0.04, lambda: jobs.emptied_registry(home)),
        (0.1, lambda: jobs.retention(home, FIRST_DAY + timedelta(days=1))),
        (0.15, lambda: jobs.erasure(home, "erase", [FIRST_DAY + timedelta(days=chance.randint(0, 2))])),
        (0.06, lambda: jobs.removed_signature(home, choose)),
        (0.1, lambda: jobs.clock_jump(home, timedelta(days=chance.choice((1, 40))))),
        (0.1, lambda: jobs.run(home, chance.choice(_DAYS), "promote only", finished=_BEFORE_PROMOTE)),
    ]
    planned += [make() for share, make in people if chance.random() < share]
    for job in planned:
        job.repeats = int(job.repeatable and chance.random() < (0.4 if job.by_hand else 0.15))
    window = chance.choice((5, 40, 120))
    late = _retirement(chance, jobs, home, choose) if chance.random() < 0.06 else []
    late += _decision(chance, jobs, home, choose) if chance.random() < 0.15 else []
    late += _meddling(chance, jobs, home, choose, _digest(world, home)) if chance.random() < 0.12 else []
    return [Planned(job, chance.uniform(0, window), _offset(chance), _stall(chance)) for job in planned] + late


def _retirement(chance: random.Random, jobs: Jobs, home: Settings, choose: Callable[[], str | None]) -> list[Planned]:
    """Visitors are erased; when their models have to be replaced, somebody wants one of these back."""
    return [
        Planned(jobs.erasure(home, "erase early", [FIRST_DAY]), 0),
        Planned(jobs.clock_jump(home, timedelta(days=60)), 150),
        Planned(jobs.rollback(home, "back late", choose), 160 + 5_184_000),
        Planned(jobs.promotion(home, "forward late", choose), chance.uniform(160, 300) + 5_184_000),
    ]


def _decision(chance: random.Random, jobs: Jobs, home: Settings, choose: Callable[[], str | None]) -> list[Planned]:
    """A move is killed, and the next one begins; in between, somebody may accept a fault that appears at that time."""
    begin = chance.uniform(0, 60)
    decision = Planned(
        jobs.acceptance(home, "decided"), begin + chance.uniform(5, 40), stall=_stall(chance),
        fatal=chance.choice(("", "writes if unchanged ledger.jsonl", "removes promotion.json")),
    )  # fmt: skip
    fault = Planned(jobs.damaged_ledger(home, chance.choice(DAMAGES)), begin + chance.uniform(0, 10))
    return [
        Planned(_move(chance, jobs, home, choose, "killed"), begin, fatal=chance.choice(_MOVING)),
        *([fault, decision] if chance.random() < 0.7 else []),
        Planned(_move(chance, jobs, home, choose, "after it"), begin + chance.uniform(5, 60), stall=_stall(chance)),
    ]


def _meddling(
    chance: random.Random, jobs: Jobs, home: Settings, choose: Callable[[], str | None],
    digest: Callable[[], str | None],
) -> list[Planned]:  # fmt: skip
    """Somebody else moves the tag, past Leapline or not, while a move is under way on a slow machine."""
    begin = chance.uniform(0, 60)
    is_past = chance.random() < 0.6
    stall = (chance.choice(_MOVING[:2] if is_past else _MOVING), chance.uniform(20, 60))
    other = jobs.hand(home, digest) if is_past else _move(chance, jobs, home, choose, "quick")
    return [
        Planned(_move(chance, jobs, home, choose, "slow"), begin, stall=stall),
        Planned(other, begin + chance.uniform(2, 40)),
    ]


def _move(
    chance: random.Random, jobs: Jobs, home: Settings, choose: Callable[[], str | None], name: str
) -> Job:  # fmt: skip
    """Draw a move by a person."""
    kind = chance.choice((jobs.rollback, jobs.promotion, jobs.rollback))
    return kind(home, name, choose if kind == jobs.promotion or chance.random() < 0.5 else lambda: None)


def _stall(chance: random.Random) -> tuple[str, float]:
    """Draw where a machine stops, as a suspended one, and for how long; most do not."""
    return (chance.choice(_STALLING), chance.uniform(2, 200)) if chance.random() < 0.35 else ("", 0.0)


def _runs(chance: random.Random, jobs: Jobs, home: Settings) -> list[Job]:
    """Draw one to three nightly runs, now and then twice for a day, and a backfill."""
    runs = [jobs.run(home, day, f"night-{day.day}", restart=chance.random() < 0.3)
            for day in chance.sample(_DAYS, chance.choice((1, 1, 2)))]  # fmt: skip
    if chance.random() < 0.35:
        runs.append(jobs.run(home, runs[0].context.day, "again"))
    if chance.random() < 0.3:
        settings = home.model_copy(update={"promote_backfills": True}) if chance.random() < 0.3 else home
        day = FIRST_DAY + timedelta(days=chance.choice((-1, 0, 1, 2)))
        runs.append(jobs.run(settings, day, "backfill", backfill=True))
    return list(runs)


def _choice(world: World, judging: Judging, settings: Settings) -> Callable[[], str | None]:
    """Return what chooses a published model when it is called; None if there is none."""

    def choose() -> str | None:
        tags = world.repository(settings).tags
        models = sorted(model.model_id for model in judging.models.values() if model.model_id in tags)
        if models and world.random.random() < 0.4:
            return models[-1]
        return world.random.choice(models) if models else None

    return choose


def _digest(world: World, settings: Settings) -> Callable[[], str | None]:
    """Return what chooses an image of the repository, whether it is a model or not, when it is called."""

    def choose() -> str | None:
        manifests = sorted(world.repository(settings).manifests)
        return world.random.choice(manifests) if manifests else None

    return choose


def _offset(chance: random.Random) -> float:
    return chance.choice((-86400.0, 3600.0)) if chance.random() < 0.1 else 0.0
