"""One job of an actor, and what the simulator notes about what happens past Leapline."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from leapline.errors import LeaplineError
from leapline.runtime.context import RunContext
from leapline.settings import Settings


@dataclass(eq=False)
class Job:
    """Something that an actor does; when the actor vanishes or gives up, another one can begin it again.

    Attributes:
        name: in the trace.
        settings: of the installation.
        work: what to do.
        repeatable: whether it is begun again until it ends.
        ended: whether it has ended, with or without success.
        error: that ended it; None if nothing did.
        result: what it returned.
        by_hand: whether a person chooses the champion.
        repeats: how often somebody clears it when it has ended, so that it is done again later.
        day_begun: the date on which it was last begun.
        began: the simulator's step at which it, or the present step of a run, was last begun.
    """

    name: str
    settings: Settings
    work: Callable[["Job"], Any]
    repeatable: bool = True
    ended: bool = False
    error: LeaplineError | None = None
    result: Any = None
    by_hand: bool = False
    repeats: int = 0
    day_begun: date = date.max
    began: int = 0

    def run(self) -> None:
        """Do it; an error of Leapline's ends it, any other one ends the simulation."""
        self.error = None
        try:
            self.result = self.work(self)
        except LeaplineError as exc:
            self.error = exc
        self.ended = True

    def clear(self) -> None:
        """Prepare it to be done again, with the same run id."""
        self.ended, self.repeats = False, self.repeats - 1


@dataclass(eq=False)
class Run(Job):
    """A run of the pipeline.

    Attributes:
        context: its day and id.
        promoted: the summary of its step `promote`; None if it did not get there.
        restart: whether it begins from its first step when it is begun again, and not with the step that it was at.
        finished: the steps that it has finished.
    """

    context: RunContext = field(kw_only=True)
    promoted: dict[str, Any] | None = None
    restart: bool = False
    finished: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Prepare its last step to be done again."""
        super().clear()
        self.finished = [step for step in self.finished if step != "promote"]


class Outside(Protocol):
    """Notes what happens past Leapline."""

    def moved_by_hand(self, digest: str | None) -> None:
        """The champion was moved; None: with everything else, it was removed."""

    def tampered(self, settings: Settings) -> None:
        """A ledger was changed."""

    def signature_removed(self) -> None:
        """A model has lost its signature."""
