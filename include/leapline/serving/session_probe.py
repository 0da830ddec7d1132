"""The second part of the probe: score sessions of the holdout from their clean events with the image's `/v1/score`.

Feature rows verify the model, and sessions verify the features. Each feature must equal Spark's exactly, because a JSON
number represents a double exactly. Probabilities of sessions, and of their items if the archive has an item model, may
differ by the tolerance.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leapline.serving.client import ScorerClient

MIN_SESSIONS = 1000
"""Minimum number of sessions to compare, unless the holdout has fewer."""
BATCH, BATCH_EVENTS = 100, 20_000
"""Maximum sessions per request, and approximate maximum of events: the scorer accepts 16 MiB."""
MAX_ITEMS = 500
"""The scorer ranks at most this many items per session; sessions with more items are not compared by item."""
NOTHING = "nothing"


@dataclass(frozen=True)
class Sample:
    """Sessions with the features of their examples and Spark's probabilities, in the same order.

    Attributes:
        sessions: sessions in the form of `client.as_session`.
        features: those of the sessions' examples, by name.
        buys: Spark's calibrated probability of each session.
        of: number of sessions in the holdout, from which the sample was drawn.
        items: Spark's calibrated probability of each item of each session; empty without an item model.
    """

    sessions: Sequence[Mapping[str, Any]] = field(repr=False)
    features: Sequence[Mapping[str, Any]] = field(repr=False)
    buys: Sequence[float] = field(repr=False)
    of: int
    items: Sequence[Mapping[str, float]] = field(default=(), repr=False)

    @property
    def with_items(self) -> list[int]:
        """The indices of the sessions whose items are compared."""
        return [i for i, items in enumerate(self.items) if 0 < len(items) <= MAX_ITEMS]

    @property
    def fault(self) -> str:
        """Why the sample cannot be used; empty if it can."""
        sizes = {len(self.sessions), len(self.features), len(self.buys)}
        if len(sizes) > 1:
            return (
                f"{len(self.sessions)} sessions to send, {len(self.features)} rows and {len(self.buys)} probabilities"
            )
        required = max(1, min(MIN_SESSIONS, self.of))
        if len(self.sessions) < required:
            return f"{len(self.sessions)} sessions to send, at least {required} of the holdout's {self.of} expected"
        return ""


@dataclass(frozen=True)
class Difference:
    """A value of one session that differs between the image and Spark.

    Attributes:
        session: its index in the sample.
        what: the name of a feature, `buy`, or `item` and its id.
        expected: Spark's value.
        got: the value of the image, or the reason returned instead.
        size: absolute difference of probabilities, which may be 0; infinity if the image returned none. None for
            features, which must be equal.
    """

    session: int
    what: str
    expected: Any
    got: Any
    size: float | None = None


def compare(client: ScorerClient, sample: Sample, tolerance: float) -> tuple[float, str]:
    """Compare the image's features of sessions, and its probabilities of sessions and items, with the sample's.

    Returns:
        The maximum difference of a probability, and the reason for a refusal, which is empty if the image passes.

    Raises:
        ScorerError: the scorer rejected a session or does not answer.
    """
    worst, bad = 0.0, dict[int, Difference]()
    for difference in _differences(client, sample):
        if difference.size is not None and math.isfinite(difference.size):
            worst = max(worst, difference.size)
        if difference.size is None or not difference.size <= tolerance:
            bad.setdefault(difference.session, difference)
    return worst, _reason(list(bad.values()))


def _reason(bad: Sequence[Difference]) -> str:
    if not bad:
        return ""
    first = bad[0]
    return (
        f"{len(bad)} sessions differ from Spark; the first is session {first.session}, {first.what}: "
        f"Spark {first.expected!r}, image {first.got!r}"
    )


def _differences(client: ScorerClient, sample: Sample) -> Iterator[Difference]:
    """Yield each different feature and every probability of the sessions, then every probability of their items."""
    for batch in _batches(sample.sessions, range(len(sample.sessions))):
        answers = client.score([sample.sessions[i] for i in batch], features=True)
        for i, answer in zip(batch, answers, strict=True):
            yield from _of_features(i, sample.features[i], answer.get("features", {}))
            yield _of_buy(i, "buy", sample.buys[i], answer)
    for batch in _batches(sample.sessions, sample.with_items):
        answers = client.score([sample.sessions[i] for i in batch], items=True)
        for i, answer in zip(batch, answers, strict=True):
            yield from _of_items(i, sample.items[i], answer.get("items", []))


def _batches(sessions: Sequence[Mapping[str, Any]], chosen: Sequence[int]) -> Iterator[list[int]]:
    batch, events = list[int](), 0
    for i in chosen:
        size = len(sessions[i]["events"])
        if batch and (len(batch) == BATCH or events + size > BATCH_EVENTS):
            yield batch
            batch, events = [], 0
        batch.append(i)
        events += size
    if batch:
        yield batch


def _of_features(i: int, expected: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[Difference]:
    for name, value in expected.items():
        if name not in got:
            yield Difference(i, name, value, NOTHING)
        elif got[name] != value:
            yield Difference(i, name, value, got[name])


def _of_items(i: int, expected: Mapping[str, float], got: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    answers = {answer["item"]: answer for answer in got}
    for item, buy in expected.items():
        yield _of_buy(i, f"item {item}", buy, answers.pop(item, {}))
    for item, answer in answers.items():
        yield Difference(i, f"item {item}", NOTHING, answer.get("buy"), math.inf)


def _of_buy(i: int, what: str, expected: float, answer: Mapping[str, Any]) -> Difference:
    buy = answer.get("buy")
    if buy is None:
        return Difference(i, what, expected, answer.get("reason", NOTHING), math.inf)
    return Difference(i, what, expected, buy, abs(buy - expected))
