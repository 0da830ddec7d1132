"""What the clients of a repository and a ledger asked for and were answered, for the check of linearizability.

One JSON object per call, with its place among all beginnings and ends. `../linearizability` checks the histories:

    {"seed", "lake", "client", "op": "promote" | "rollback" | "accept" | "hand" | "read" | "entries",
     "input": {...}, "output": {"kind": "moved" | "unmoved" | "rejected" | "unknown" | "read", ...}, "call", "return"}

A call that failed or whose client vanished has the output "unknown" and never returns: it may take effect at any time
after its beginning, because a later run completes it, or not at all.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from leapline.errors import ContradictionError, LedgerError
from leapline.promotion.ledger import Ledger
from leapline.promotion.promote import ChampionTags, Promotion, PromotionRequest
from leapline.serving.registry import Registry
from tests.simulator.scheduler import Scheduler

NEVER: Final = 1 << 40
"""The end of a call that has not returned."""


@dataclass
class Call:
    """A call, with the steps at its beginning and end, and its place among all beginnings and ends.

    `output`, `ended` and `last` are set when it returns.
    """

    lake: str
    client: str
    op: str
    input: dict[str, Any]
    began: int
    output: dict[str, Any] = field(default_factory=lambda: {"kind": "unknown"})
    ended: int = NEVER
    first: int = -1
    last: int = NEVER


class History:
    """Records calls of a world.

    Args:
        scheduler: counts the steps.

    Attributes:
        calls: all of them, in the order of their beginnings.
        ended: called with each call that has returned.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.calls: list[Call] = []
        self.ended: Callable[[Call], None] = lambda call: None
        self._scheduler, self._order = scheduler, itertools.count()

    def lines(self, seed: int) -> Iterator[str]:
        """Yield the calls as JSON lines."""
        for call in self.calls:
            yield json.dumps({
                "seed": seed, "lake": call.lake, "client": call.client, "op": call.op, "input": call.input,
                "output": call.output, "call": call.first, "return": call.last,
            }, sort_keys=True)  # fmt: skip

    @contextmanager
    def recorded(self, lake: str, op: str, content: dict[str, Any]) -> Iterator[Call]:
        """Record a call of the running actor; the block sets its output.

        A contradiction, or something wrong with the ledger, rejects a call before it has an effect of its own.
        """
        running = self._scheduler.running
        call = Call(lake, running.name if running else "-", op, content, self._scheduler.steps, first=next(self._order))
        self.calls.append(call)
        try:
            yield call
        except (ContradictionError, LedgerError) as exc:
            call.output = {"kind": "rejected", "why": str(exc)}
            self._end(call)
            raise
        self._end(call)

    def _end(self, call: Call) -> None:
        call.ended, call.last = self._scheduler.steps, next(self._order)
        self.ended(call)

    def overwritten(self, client: str, digest: str | None) -> None:
        """Note that the call in progress of a client has replaced a champion that it could not see."""
        if call := self._in_progress(client):
            call.input["overwrote"] = digest

    def intended(self, client: str, entry: dict[str, Any]) -> None:
        """Note that the call in progress of a client has written down its move, which a later one may complete."""
        call = self._in_progress(client)
        if call and call.input.get("run") == entry["run_id"]:
            call.input["intent"] = {"before": entry["before"], "after": entry["after"]}

    def _in_progress(self, client: str) -> Call | None:
        return next((call for call in self.calls[::-1] if call.client == client and call.ended == NEVER), None)


def promotions(history: History, original: Callable[..., Promotion]) -> Callable[..., Promotion]:
    """Return `ChampionTags.promote` or `rollback` so that its calls are recorded."""

    def recording(tags: ChampionTags, *arguments: Any, **options: Any) -> Promotion:
        is_rollback = isinstance(arguments[0], PromotionRequest)
        request: PromotionRequest = arguments[0] if is_rollback else arguments[1]
        content = {"run": request.run_id} | {name: option for name, option in options.items() if name != "require"}
        content |= {} if is_rollback else {"digest": arguments[0]}
        with history.recorded(tags.ledger.store.address, "rollback" if is_rollback else "promote", content) as call:
            result = original(tags, *arguments, **options)
            call.output = {"kind": "moved" if result.moved else "unmoved", "champion": result.champion,
                           "is_champion": result.is_champion, "why": result.why}  # fmt: skip
        return result

    return recording


def reads(history: History, original: Callable[[Registry, Ledger], str | None]) -> Callable[..., str | None]:
    """Return `agreed_champion` so that its calls are recorded."""

    def recording(registry: Registry, ledger: Ledger) -> str | None:
        with history.recorded(ledger.store.address, "read", {}) as call:
            champion = original(registry, ledger)
            call.output = {"kind": "read", "champion": champion}
        return champion

    return recording


def entries_of(history: History, ledger: Ledger) -> None:
    """Read all entries of a ledger, and record what was read."""
    with history.recorded(ledger.store.address, "entries", {}) as call:
        entries = ledger.checked_entries()
        call.output = {"kind": "read", "entries": [f"{entry.after or ''} {entry.run_id}" for entry in entries]}
