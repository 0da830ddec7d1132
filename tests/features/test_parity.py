"""Training and serving compute the features of the definitions, to the last bit: for any session, the program inside
Spark's tasks, the scorer and the reference implementation return the same number or text.

Hypothesis draws the sessions; all of them go through one Spark job and one call of `scorer score`. JSON represents a
double by the shortest digits that parse to the same double, so nothing is lost and no tolerance is needed.
"""

import json
import subprocess
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from leapline.features import spec as specs
from leapline.features.spec import FeatureSpec
from leapline.serving.client import as_session, encode_sessions
from tests.conftest import ROOT
from tests.features.computed import pair_features, session_features
from tests.features.reference import before_checkout, evaluate, evaluate_pairs
from tests.features.sessions import event, frame
from tests.features.test_pair_features import every_pair_operation
from tests.features.test_session_features import every_operation
from tests.scorer.conftest import scorer_binary

pytestmark = pytest.mark.spark
__all__ = ["scorer_binary"]
BUNDLE = ROOT / "include" / "scorer" / "testdata" / "buy"
SESSIONS = 300
KINDS = ("page_view", "item_view", "cart_add", "page_ping", "search", "cart_remove", "other")
PAGES = ("home", "category", "item", "search", "cart", "other")
# Most gaps are small, so that moments and whole milliseconds are shared; one crosses midnight.
GAPS = (0, 0, 1, 999, 1_000, 1_234_567, 59_000_000, 5_000_000_000, 86_400_000_000)
Rows = list[dict[str, Any]]

# What cleaning lets through: no blanks around a name, no lone surrogates.
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).map(lambda s: s.strip(" ") or "x")
prices = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 0.005, 1.005, 19.99, 1e9, -1e9, 1.1e9, 1e300, 5e-324, float("nan")]),
    st.floats(-1e10, 1e10),
    st.integers(0, 10**6).map(lambda cents: cents / 100),
)
quantities = st.one_of(st.none(), st.integers(0, 3), st.integers(-(2**31), 2**31 - 1))


@st.composite
def sessions(draw: st.DrawFn) -> Rows:
    """Draw a session's clean events in any order, sometimes with a checkout in the middle."""
    items, categories = (st.none() | st.sampled_from(draw(st.lists(names, min_size=1, max_size=4))) for _ in range(2))
    vocabulary = st.sampled_from(["i1", "i2", "c1", "c2", "é", "'\\"])  # entries of the spec's vocabularies
    ts = draw(st.datetimes(datetime(1, 1, 2), datetime(9999, 1, 1)) | st.datetimes(datetime(2026, 1, 1)))
    ids = draw(st.lists(names, min_size=1, max_size=20, unique=True))
    cut = draw(st.none() | st.integers(0, len(ids)))
    rows = []
    for number, event_id in enumerate(ids):
        kind = draw(st.sampled_from(KINDS))
        page = draw(st.none() | st.sampled_from(PAGES))
        if number == cut:
            kind, page = draw(st.sampled_from([("checkout", None), ("purchase", None), ("page_view", "thanks")]))
        ts += timedelta(microseconds=draw(st.sampled_from(GAPS)))
        some = {
            "page": page, "item": draw(items | vocabulary), "category": draw(categories | vocabulary),
            "price": draw(prices),
            "quantity": draw(quantities), "device": draw(st.none() | names), "referrer": draw(st.none() | names),
            "session_index": draw(st.none() | st.integers(-1, 3)),
        }  # fmt: skip
        rows.append(event("", number, kind, ts, **some) | {"event_id": event_id})
    return draw(st.permutations(rows))


def generated() -> dict[str, Rows]:
    """Return sessions drawn by Hypothesis, the same ones in every run.

    Hypothesis only draws inside of a test function; shrinking is off.
    """
    drawn: dict[str, Rows] = {}

    @settings(
        max_examples=SESSIONS,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(sessions())
    def collect(rows: Rows) -> None:
        name = f"s{len(drawn)}"
        drawn[name] = [row | {"session": name} for row in rows]

    collect()
    return drawn


def scored(
    scorer: Path, folder: Path, spec: FeatureSpec, sessions: dict[str, Rows], pairs: FeatureSpec | None = None
) -> dict[str, dict[str, Any]]:
    """Return the scorer's answers for an archive with these specs, for the sessions with events before a checkout."""
    with zipfile.ZipFile(folder / "model.zip", "w") as archive:
        for file in sorted(BUNDLE.rglob("*.json")):
            name = str(file.relative_to(BUNDLE))
            if file.name != "features.json":
                archive.write(file, name)
            if pairs and file.parent.name != "leapline":
                archive.write(file, f"leapline/items/{name}")
        archive.writestr("leapline/features.json", _with_model_features(spec))
        if pairs:
            archive.writestr("leapline/items/features.json", _with_model_features(pairs))
    bodies = [{"session": name} | as_session(rows) for name, rows in sessions.items()]
    body = encode_sessions(bodies, features=True, items=pairs is not None)
    command = [str(scorer), "score", str(folder / "model.zip")]
    done = subprocess.run(command, input=body, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    answers = json.loads(done.stdout)["sessions"]
    assert [answer["session"] for answer in answers] == list(sessions)
    assert all(("features" in answer) != ("reason" in answer) for answer in answers)
    return {answer["session"]: answer for answer in answers if "features" in answer}


def _with_model_features(spec: FeatureSpec) -> str:
    """Return the spec with the features that the small model reads, under their names."""
    document = json.loads(spec.dumps())
    colour = {"op": "pair_item"} if spec.unit == "pair" else {"op": "attribute", "of": "device"}
    document["features"] += [{"name": "x0", "op": "count"}, {"name": "colour", **colour}]
    return json.dumps(document)


@pytest.fixture(scope="module")
def some_sessions() -> dict[str, Rows]:
    return generated()


@pytest.mark.parametrize("spec", [every_operation(), specs.default()], ids=["every operation", "the default"])
def test_scorer_equals_spark_on_sessions(
    spark: Any, scorer_binary: Path, tmp_path: Path, spec: FeatureSpec, some_sessions: dict[str, Rows]
) -> None:
    rows = [row for session in some_sessions.values() for row in session]
    expected = {row["session"]: row for row in session_features(frame(spark, rows), spec).collect()}

    answers = scored(scorer_binary, tmp_path, spec, some_sessions)

    assert SESSIONS / 2 < len(answers) < SESSIONS, "some sessions begin with the checkout"
    assert set(answers) == set(expected)
    for name, answer in answers.items():
        compare(spec, expected[name], answer["features"], some_sessions[name])
        compare(spec, evaluate(before_checkout(some_sessions[name]), spec), answer["features"], some_sessions[name])


def test_scorer_equals_spark_on_session_item_pairs(
    spark: Any, scorer_binary: Path, tmp_path: Path, some_sessions: dict[str, Rows]
) -> None:
    spec = every_pair_operation()
    rows = [row for session in some_sessions.values() for row in session]
    expected = {(row["session"], row["item"]): row for row in pair_features(frame(spark, rows), spec).collect()}

    answers = scored(scorer_binary, tmp_path, specs.default(), some_sessions, spec)

    pairs = {(name, item["item"]): item for name, answer in answers.items() for item in answer["items"]}
    assert set(pairs) == set(expected)
    assert len(pairs) > SESSIONS / 2
    for (name, item), answer in pairs.items():
        compare(spec, expected[name, item], answer["features"], some_sessions[name])
    for name in answers:
        for item, reference in evaluate_pairs(before_checkout(some_sessions[name]), spec).items():
            compare(spec, reference, pairs[name, item]["features"], some_sessions[name])


def compare(spec: FeatureSpec, expected: Any, scorer: dict[str, Any], rows: Rows) -> None:
    wrong = {n: (expected[n], scorer[n]) for n in spec.columns if not same(expected[n], scorer[n])}
    features = [feature for feature in spec.features if feature.name in wrong]
    assert not wrong, f"expected and of the scorer: {wrong} for {features} of {rows}"


def same(first: float | str, second: float | str) -> bool:
    """Return whether both are equal, of the same type, and of the same sign if 0."""
    return repr(first) == repr(second)
