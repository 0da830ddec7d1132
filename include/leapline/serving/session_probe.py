"""The probe's other half: real sessions, from their clean events to the probability, through the image's `/v1/score`.

Rows of features show that the model is the same; sessions show that the features are. Each feature must be Spark's to
the last bit: a JSON number holds a double exactly. Probabilities, the session's and those of its items where the
archive has a model of them, may differ by the tolerance.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leapline.serving.client import ScorerClient

LEAST = 1000
"""Fewest sessions to compare where there are as many."""
BATCH, BATCH_EVENTS = 100, 20_000
"""Sessions sent at once, and about how many events: the scorer takes 16 MiB."""
MOST_ITEMS = 500
"""The scorer ranks no more of one session; the items of one with more are left out."""
NOTHING = "nothing"


@dataclass(frozen=True)
class Sample:
    """Sessions and what Spark makes of them, in the same order.

    Attributes:
        sessions: as `client.as_session` makes them.
        features: Spark's features of each, by name.
        buys: Spark's calibrated probability of each.
        of: how many sessions there were to choose from.
        items: by session, Spark's calibrated probability of each of its items; empty without a model of items.
    """

    sessions: Sequence[Mapping[str, Any]] = field(repr=False)
    features: Sequence[Mapping[str, Any]] = field(repr=False)
    buys: Sequence[float] = field(repr=False)
    of: int
    items: Sequence[Mapping[str, float]] = field(default=(), repr=False)

    @property
    def with_items(self) -> list[int]:
        """The sessions whose items are compared."""
        return [i for i, items in enumerate(self.items) if 0 < len(items) <= MOST_ITEMS]

    @property
    def fault(self) -> str:
        """Why it proves nothing; empty if it does."""
        sizes = {len(self.sessions), len(self.features), len(self.buys)}
        if len(sizes) > 1:
            return (
                f"{len(self.sessions)} sessions to send, {len(self.features)} rows and {len(self.buys)} probabilities"
            )
        least = max(1, min(LEAST, self.of))
        if len(self.sessions) < least:
            return f"{len(self.sessions)} sessions to send, at least {least} of the holdout's {self.of} expected"
        return ""


@dataclass(frozen=True)
class Difference:
    """What an image says otherwise than Spark of one session.

    Attributes:
        session: its index in the sample.
        what: a feature's name, `buy`, or `item` and its id.
        expected: Spark's value.
        got: the image's, or what it said instead.
        size: of a probability, how far the two are apart, perhaps not at all; infinity where the image gave none. None
            of a feature, which must not differ.
    """

    session: int
    what: str
    expected: Any
    got: Any
    size: float | None = None


def compare(client: ScorerClient, sample: Sample, tolerance: float) -> tuple[float, str]:
    """The greatest difference of a probability, and why the image is refused: empty if it is not.

    Raises:
        ScorerError: the scorer refused a session or does not answer.
    """
    worst, bad = 0.0, dict[int, Difference]()
    for found in _differences(client, sample):
        if found.size is not None and math.isfinite(found.size):
            worst = max(worst, found.size)
        if found.size is None or not found.size <= tolerance:
            bad.setdefault(found.session, found)
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
    """Features that differ, and then the probability whether it differs or not, session by session; then the items."""
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
