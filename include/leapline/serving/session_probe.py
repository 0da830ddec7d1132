"""The probe's other half: real sessions, from their clean events to the probability, through the image's `/v1/score`.

Rows of features show that the model is the same; sessions show that the features are. Each feature must be Spark's to
the last bit: a JSON number holds a double exactly. The probability may differ by the tolerance.
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
NOTHING = "nothing"


@dataclass(frozen=True)
class Sample:
    """Sessions and what Spark makes of them, in the same order.

    Attributes:
        sessions: as `client.as_session` makes them.
        features: Spark's features of each, by name.
        buys: Spark's calibrated probability of each.
        of: how many sessions there were to choose from.
    """

    sessions: Sequence[Mapping[str, Any]] = field(repr=False)
    features: Sequence[Mapping[str, Any]] = field(repr=False)
    buys: Sequence[float] = field(repr=False)
    of: int

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
        what: a feature's name, or `buy`.
        expected: Spark's value.
        got: the image's, or what it said instead.
        size: of a probability, how far the two are apart; infinity where the image gave none.
    """

    session: int
    what: str
    expected: Any
    got: Any
    size: float = 0.0


def compare(client: ScorerClient, sample: Sample, tolerance: float) -> tuple[float, str]:
    """The greatest difference of a probability, and why the image is refused: empty if it is not.

    Raises:
        ScorerError: the scorer refused a session or does not answer.
    """
    worst, bad = 0.0, dict[int, Difference]()
    for found in _differences(client, sample):
        if found.what == "buy":
            worst = max(worst, found.size if math.isfinite(found.size) else 0.0)
        if found.what != "buy" or not found.size <= tolerance:
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
    """Features that differ, and then the probability whether it differs or not, session by session."""
    for batch in _batches(sample.sessions):
        answers = client.score([sample.sessions[i] for i in batch], features=True)
        for i, answer in zip(batch, answers, strict=True):
            yield from _of_features(i, sample.features[i], answer.get("features", {}))
            yield _of_buy(i, sample.buys[i], answer)


def _batches(sessions: Sequence[Mapping[str, Any]]) -> Iterator[range]:
    start, events = 0, 0
    for i, session in enumerate(sessions):
        size = len(session["events"])
        if i > start and (i - start == BATCH or events + size > BATCH_EVENTS):
            yield range(start, i)
            start, events = i, 0
        events += size
    if start < len(sessions):
        yield range(start, len(sessions))


def _of_features(i: int, expected: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[Difference]:
    for name, value in expected.items():
        if name not in got:
            yield Difference(i, name, value, NOTHING)
        elif got[name] != value:
            yield Difference(i, name, value, got[name])


def _of_buy(i: int, expected: float, answer: Mapping[str, Any]) -> Difference:
    buy = answer.get("buy")
    if buy is None:
        return Difference(i, "buy", expected, answer.get("reason", NOTHING), math.inf)
    return Difference(i, "buy", expected, buy, abs(buy - expected))
