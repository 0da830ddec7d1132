"""Actors that take turns at their side effects, in an order that a seed decides.

An actor is a greenlet. It runs until its next side effect, and is then suspended *before* it; so between two turns
there is exactly one effect. An actor that vanishes is never resumed, as a killed process: none of its `finally` blocks
runs while the world exists.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import greenlet

from leapline.storage import commit_guard, usage
from tests.simulator.clock import Clock

STEP_S: Final = (0.001, 0.2)
"""Between these, the logical time of one step."""
_SAME_ACTOR: Final = 0.6
"""Share of the turns that go to the actor of the turn before: bursts reach states that single steps do not."""


class StuckError(AssertionError):
    """All actors wait for each other, or need more steps than a world may have."""


@dataclass(eq=False)
class Actor:
    """A process.

    Attributes:
        name: in the trace.
        work: what it does.
        start: logical time from which on it runs.
        offset: seconds by which the clock of its machine is wrong.
        mortal: whether it may vanish.
        label: its next effect.
        waits: until when it is not to be resumed.
        blocked: whether it waits for something else.
        vanished: whether it was killed.
        done: whether it has ended by itself.
        refreshes: what its background threads repeat: action, interval and time of the next call.
        process: process-wide lists of the product, which each process has for itself.
        owner: what it works for.
        stall: the beginning of an effect, and for how many seconds its machine stops before the first such one.
        fatal: the beginning of an effect before which it vanishes; none if empty.
    """

    name: str
    work: Callable[[], Any]
    start: float
    offset: float = 0.0
    mortal: bool = True
    label: str = "begins"
    waits: float = 0.0
    blocked: Callable[[], bool] | None = None
    vanished: bool = False
    done: bool = False
    refreshes: list[list[Any]] = field(default_factory=list)
    process: tuple[list[Any], list[Any]] = ((), ())
    greenlet: Any = None
    owner: Any = None
    stall: tuple[str, float] = ("", 0.0)
    fatal: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether it still runs, or will."""
        return not self.done and not self.vanished


class Scheduler:
    """Runs actors step by step.

    Args:
        seed: decides about turns and deaths.
        clock: advances with each step.

    Attributes:
        death_rate: share of steps before which the actor vanishes.
        after_step: called after each step.
        on_death: called when an actor has vanished.
        trace: called with time, actor and effect of each step; None without a trace.
        steps: so far.
    """

    def __init__(self, seed: random.Random, clock: Clock) -> None:
        self.clock, self.death_rate, self.steps = clock, 0.0, 0
        self.actors: list[Actor] = []
        self.running: Actor | None = None
        self.after_step: Callable[[Actor], None] = lambda actor: None
        self.on_death: Callable[[Actor], None] = lambda actor: None
        self.trace: Callable[[str], None] | None = None
        self._random, self._last, self._hub = seed, None, greenlet.getcurrent()
        self._closed = False
        clock.sleeps = self.sleep

    def spawn(self, name: str, work: Callable[[], Any], *, delay: float = 0.0, **options: Any) -> Actor:
        """Add an actor that begins after `delay` seconds."""
        actor = Actor(name, work, self.clock.now + delay, **options)
        actor.greenlet = greenlet.greenlet(self._life(actor), self._hub)
        self.actors.append(actor)
        return actor

    def pause(self, label: str) -> None:
        """Suspend the running actor before an effect; does nothing outside of actors."""
        actor = self.running
        if actor is None or self._closed:
            return
        actor.label = label
        effect, seconds = actor.stall
        if effect and label.startswith(effect):
            actor.stall, actor.waits = ("", 0.0), self.clock.now + seconds
            self.note(f"STALLS {seconds:.0f} s before: {label}")
        self._hub.switch()

    def sleep(self, seconds: float) -> None:
        """Suspend the running actor for some logical time."""
        if self.running is None or self._closed:
            self.clock.advance(seconds)
            return
        self.running.waits = self.clock.now + seconds
        self.pause(f"sleeps {seconds:.1f} s")

    def wait(self, label: str, until: Callable[[], bool]) -> None:
        """Suspend the running actor until a condition holds."""
        if self.running is not None and not self._closed and not until():
            self.running.blocked = lambda: not until()
            self.pause(label)
            self.running.blocked = None

    def note(self, text: str) -> None:
        """Add a line about the running actor to the trace."""
        if self.trace:
            name = self.running.name if self.running else "-"
            self.trace(f"{self.steps:5d} {self.clock.stored():%d %H:%M:%S.%f} {name:22.22s} {text}")

    def run(self, most_steps: int) -> None:
        """Let all actors run until none is left.

        Raises:
            StuckError: they wait for each other, or need more steps.
        """
        limit = self.steps + most_steps
        while any(actor.is_alive for actor in self.actors):
            if self.steps >= limit:
                raise StuckError(f"no end after {most_steps} steps: {self._states()}")
            self._step(self._next())

    def close(self) -> None:
        """End all actors that are left; their effects no longer matter."""
        self._closed = True
        for actor in self.actors:
            if actor.greenlet and not actor.greenlet.dead:
                self._switch_to(actor, actor.greenlet.throw)

    def _life(self, actor: Actor) -> Callable[[], None]:
        def live() -> None:
            try:
                actor.work()
            finally:
                actor.done = True

        return live

    def _next(self) -> Actor:
        while True:
            ready = [
                a for a in self.actors if a.is_alive and max(a.start, a.waits) <= self.clock.now and not _blocked(a)
            ]
            if ready:
                return self._last if self._last in ready and self._random.random() < _SAME_ACTOR else (
                    self._random.choice(ready)
                )  # fmt: skip
            times = [max(a.start, a.waits) for a in self.actors if a.is_alive and not _blocked(a)]
            if not times:
                raise StuckError(f"all wait for each other: {self._states()}")
            self._advance(min(times) - self.clock.now)

    def _advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for actor in self.actors:
            for refresh in actor.refreshes if actor.is_alive else ():
                action, interval, due = refresh
                if due <= self.clock.now:
                    action()
                    refresh[2] = self.clock.now + interval

    def _step(self, actor: Actor) -> None:
        self.steps += 1
        self._advance(self._random.uniform(*STEP_S))
        if self._dies(actor):
            actor.vanished, label = True, actor.label
            self.running = actor
            self.note(f"VANISHES before: {label}")
            self.running = None
            self.on_death(actor)
            return
        self._last = self.running = actor
        if self.trace:
            self.note(actor.label)
        self._switch_to(actor, actor.greenlet.switch)
        self.running = None
        self.after_step(actor)

    def _dies(self, actor: Actor) -> bool:
        if actor.fatal and actor.label.startswith(actor.fatal):
            return True
        return actor.mortal and self.death_rate > 0 and self._random.random() < self.death_rate

    def _switch_to(self, actor: Actor, resume: Callable[[], Any]) -> None:
        """Let an actor continue, with the product's process-wide state of its process."""
        lists = (commit_guard._checks, usage._recording)
        for present, its in zip(lists, actor.process, strict=True):
            present[:] = its
        self.clock.offset = actor.offset
        resume()
        self.clock.offset = 0.0
        actor.process = (list(lists[0]), list(lists[1]))
        for present in lists:
            present.clear()

    def _states(self) -> str:
        return "; ".join(f"{actor.name}: {actor.label}" for actor in self.actors if actor.is_alive)


def _blocked(actor: Actor) -> bool:
    return actor.blocked is not None and actor.blocked()
