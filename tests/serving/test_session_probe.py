"""An image whose features and probabilities of sessions equal Spark's passes, and any other is refused with its reason.

Spark's values are computed here by the reference implementation of the feature tests and the formula of the model.
"""

import hashlib
import json
import math
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leapline.evaluation.metrics import calibrate
from leapline.features import spec as specs
from leapline.serving import probe, session_probe
from leapline.serving.client import as_session
from leapline.serving.image import build
from leapline.serving.layout import index_digest
from leapline.serving.probe import ProbeReport, ProbeSample
from leapline.serving.session_probe import Sample
from tests.conftest import ROOT
from tests.features.reference import evaluate
from tests.features.sessions import random_sessions
from tests.scorer.conftest import scorer_binary
from tests.serving.test_probe import ARCH

__all__ = ["scorer_binary"]
BUNDLE = ROOT / "include" / "scorer" / "testdata" / "buy"
SPEC = (BUNDLE / "leapline" / "features.json").read_text()
SIZE = 1000
Change = Callable[[str], str]


@pytest.fixture(scope="module")
def sample() -> Sample:
    sessions = list(random_sessions(SIZE, seed=7).values())
    spec = specs.loads(SPEC)
    features = [evaluate(session, spec) for session in sessions]
    buys = calibrate(scores(features), {"kind": "odds", "factor": 0.5}).tolist()
    return Sample([as_session(session) for session in sessions], features, buys, SIZE)


def scores(features: list[dict[str, Any]]) -> Any:
    """Return the scores of the test model: logistic in `x0`; its colours do not occur among the devices."""
    import numpy as np

    return np.array([1 / (1 + math.exp(min(700, 1.25 * row["x0"] - 1.25))) for row in features])


@pytest.fixture
def run(tmp_path: Path, scorer_binary: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(probe, "ROUND_REQUESTS", 20)
    monkeypatch.setattr(probe, "WARM_UP_REQUESTS", 2)

    def run_probe(change: Change = str, sent: Sample = sample) -> ProbeReport:
        with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
            for file in sorted(BUNDLE.rglob("*.json")):
                text = file.read_text()
                archive.writestr(str(file.relative_to(BUNDLE)), change(text) if file.name == "features.json" else text)
        digest = hashlib.sha256((tmp_path / "model.zip").read_bytes()).hexdigest()
        build(
            tmp_path / "model.zip",
            {ARCH: scorer_binary},
            tmp_path / "image",
            model_id=f"2026-03-01-{digest[:12]}",
            labels={},
            created=datetime(2026, 3, 2, tzinfo=UTC),
        )
        rows = [{"x0": row["x0"], "colour": row["colour"]} for row in sample.features]
        buys = scores(list(sample.features)).tolist()
        digest = index_digest(tmp_path / "image")
        return probe.probe(tmp_path / "image", ProbeSample(rows, buys, 1e-9, sent), digest=digest, workdir=tmp_path)

    return run_probe


def test_equal_features_pass(run: Any) -> None:
    report = run()
    assert report.passed, report.reason
    assert (report.rows, report.sessions) == (SIZE, SIZE)
    assert report.max_difference <= 1e-12
    json.dumps(report.to_dict(), allow_nan=False)


def test_sessions_above_the_batch_limit_are_sent_alone(
    run: Any, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_probe, "BATCH_EVENTS", 10)
    assert run().passed


def test_feature_with_another_event_filter_is_refused(run: Any, sample: Sample) -> None:
    """The rows of features score equally, so only the sessions reveal the difference."""
    report = run(lambda spec: spec.replace('"kinds": ["item_view"]', '"kinds": ["cart_add"]'))
    assert not report.passed
    assert report.first_difference is None, "the rows must be equal"
    skewed = specs.loads(SPEC.replace('"kinds": ["item_view"]', '"kinds": ["cart_add"]'))
    spark_values = [row["x0"] for row in sample.features]
    image_values = [evaluate(session, skewed)["x0"] for session in random_sessions(SIZE, seed=7).values()]
    differing = [i for i in range(SIZE) if spark_values[i] != image_values[i]]
    first = differing[0]
    assert report.reason == (
        f"{len(differing)} sessions differ from Spark; the first is session {first}, x0: "
        f"Spark {spark_values[first]!r}, image {image_values[first]!r}"
    )


def test_difference_of_an_unused_feature_is_refused(run: Any) -> None:
    report = run(lambda spec: spec.replace('"op": "count"', '"op": "span"'))
    assert "n_events: Spark" in report.reason


def test_difference_of_only_a_probability_is_refused(run: Any, sample: Sample) -> None:
    moved = [buy + 2e-9 * (i == 17) for i, buy in enumerate(sample.buys)]
    report = run(sent=Sample(sample.sessions, sample.features, moved, SIZE))
    assert f"1 sessions differ from Spark; the first is session 17, buy: Spark {moved[17]!r}" in report.reason
    assert report.max_difference == pytest.approx(2e-9, rel=1e-3)


def test_unsupported_feature_spec_is_refused_with_its_error(run: Any, tmp_path: Path) -> None:
    report = run(lambda spec: spec.replace('"version": 1', '"version": 3'))
    assert not report.passed
    assert "leapline/features.json: field version: found 3, expected 1" in report.reason


@pytest.mark.parametrize(("sent", "holdout", "refused"), [(999, 5000, True), (999, 999, False), (0, 0, True)])
def test_requires_one_thousand_sessions_or_the_whole_holdout(
    run: Any, sample: Sample, sent: int, holdout: int, refused: bool
) -> None:
    cut = Sample(sample.sessions[:sent], sample.features[:sent], sample.buys[:sent], holdout)
    report = run(sent=cut)
    assert report.passed is not refused
    assert not refused or f"{sent} sessions to send, at least" in report.reason


def test_session_without_a_result_is_refused(run: Any, sample: Sample) -> None:
    sessions = [*sample.sessions[:3], {"events": []}, *sample.sessions[4:]]
    report = run(sent=Sample(sessions, sample.features, sample.buys, SIZE))
    assert "session 3" in report.reason and "image 'nothing'" in report.reason


class Ranking:
    """A client whose scorer agrees on sessions and returns given probabilities of their items."""

    def __init__(self, items: list[dict[str, float]]) -> None:
        self.items, self.requests = items, list[int]()

    def score(self, sessions: list[dict[str, Any]], *, features: bool = False, items: bool = False) -> list[Any]:
        if not items:
            return [{"buy": 0.5, "features": {}} for _ in sessions]
        numbers = [int(session["session"]) for session in sessions]
        self.requests += numbers
        return [{"buy": 0.5, "items": [{"item": k, "buy": v} for k, v in self.items[n].items()]} for n in numbers]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        (
            {"a": 0.3 + 2e-9},
            "1 sessions differ from Spark; the first is session 2, item a: Spark 0.3, image 0.300000002",
        ),
        ({"a": None}, "the first is session 2, item a: Spark 0.3, image 'nothing'"),
        ({"c": 0.1}, "the first is session 2, item c: Spark 'nothing', image 0.1"),
    ],
)
def test_item_probabilities_are_compared(changes: dict[str, float | None], reason: str) -> None:
    spark: list[dict[str, float]] = [{"a": 0.25}, {}, {"a": 0.3, "b": 0.7}, {str(n): 0.1 for n in range(501)}]
    image = [*spark[:2], {k: v for k, v in (spark[2] | changes).items() if v is not None}, {}]
    sessions = [{"session": str(n), "events": []} for n in range(4)]
    client: Any = Ranking(image)
    worst, why = session_probe.compare(client, Sample(sessions, [{}] * 4, [0.5] * 4, 4, spark), 1e-9)
    assert why.endswith(reason) and bool(why) == bool(reason)
    assert client.requests == [0, 2], "sessions without items, or with too many, are not sent"
    assert worst == pytest.approx(2e-9 if changes.get("a") else 0.0, abs=1e-12)
