"""The probe's sample of sessions: from clean events through Spark and Parquet to the scorer's JSON."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leapline.modelling import probe_sample
from leapline.modelling.day_data import DayData
from leapline.serving.client import as_session
from leapline.settings import Settings
from leapline.storage import Lake, write_json
from tests.features.sessions import frame, random_sessions
from tests.lakes import folder_of

pytestmark = pytest.mark.spark
DAY = date(2026, 3, 5)


def test_sample_has_all_events_in_order_of_rows(spark: Any, tmp_path: Path) -> None:
    lake, sessions = Lake(tmp_path / "lake"), random_sessions(40, seed=11)
    rows = [row for session in sessions.values() for row in session]
    with lake.attempt("events", DAY) as out:
        frame(spark, rows).repartition(3).write.parquet(str(out / "events"))
    chosen = ["s31", "s4", "s17"]
    features = [{"n": float(i), "left_out": 1.0} for i in range(3)]
    sample = {"rows": features, "expected": [0.5, 0.2, 0.9], "sessions": chosen, "holdout": 40}
    write_json(tmp_path / probe_sample.ROWS, sample)

    probe_sample.write_events(DayData(spark, Settings(home=folder_of(lake)), lake, DAY), tmp_path)
    scored = {"session": ["s4", "s9", "s17", "s17"], "item": ["a", "a", "a", "b"], "score": [0.2, 0.5, 0.5, 0.9]}
    pd.DataFrame(scored | {"label": [0, 0, 1, 0]}).to_parquet(tmp_path / "item_scores.parquet")
    halved = {"calibration": {"kind": "odds", "factor": 0.5}}
    result = probe_sample.read_sample(tmp_path, ["n"], {**halved, "items": halved})

    assert [normal(session) for session in result.sessions] == [normal(as_session(sessions[name])) for name in chosen]
    assert result.features == [{"n": 0.0}, {"n": 1.0}, {"n": 2.0}]
    assert result.buys == pytest.approx([1 / 3, 1 / 9, 9 / 11])
    assert result.of == 40
    assert [list(items) for items in result.items] == [[], ["a"], ["a", "b"]]
    assert [list(items.values()) for items in result.items] == [
        [],
        [pytest.approx(1 / 9)],
        pytest.approx([1 / 3, 9 / 11]),
    ]
    assert result.with_items == [1, 2]
    assert probe_sample.read_sample(tmp_path, ["n"], {**halved, "items": None}).with_items == []


def normal(session: dict[str, Any]) -> dict[str, Any]:
    """Return the session with sorted events and timestamps without the UTC offset."""
    events = [event | {"ts": event["ts"].removesuffix("+00:00")} for event in session["events"]]
    return session | {"events": sorted(events, key=lambda event: event["event_id"])}


def test_sample_of_old_evaluation_has_no_sessions(tmp_path: Path) -> None:
    write_json(tmp_path / probe_sample.ROWS, {"rows": [{"n": 1.0}], "expected": [0.5]})
    assert probe_sample.read_sample(tmp_path, ["n"], {"calibration": None}).fault == (
        "0 sessions to send, 1 rows and 1 probabilities"
    )
