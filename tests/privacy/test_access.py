"""The report for the right of access has all rows of a visitor, and none of others."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leapline.cli import app
from leapline.errors import ErasureError
from leapline.privacy.access import MAX_VISITORS, access_report
from leapline.settings import Settings
from leapline.storage import Lake, write_json
from tests.events.lines import KEY
from tests.privacy.shop import ANNA, BEN, CHARLES, FIRST
from tests.privacy.test_erasure import erase

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]


def score(lake: Lake) -> None:
    """Add an evaluation as `evaluate` writes it, with pandas' times in nanoseconds."""
    import pandas as pd

    with lake.attempt("evaluations", FIRST) as out:
        start = pd.Timestamp("2026-03-02 09:00:00.123456")
        rows = [{"session": name, "visitor": name, "start_ts": start, "score": 0.25} for name in (ANNA, CHARLES)]
        pd.DataFrame(rows).astype({"start_ts": "datetime64[ns]"}).to_parquet(out / "scores.parquet", index=False)


def test_report_has_the_rows_of_the_visitors_and_of_nobody_else(spark: Any, settings: Settings, lake: Lake) -> None:
    score(lake)
    with lake.attempt("models", "2026-03-03-aaa") as out:
        write_json(out / "manifest.json", {"training_days": ["2026-03-02"]})
    asked = {"user of anna": [ANNA], "user of ben": [BEN], "nobody": ["0" * 64]}
    anna, ben, nobody = access_report(spark, lake, asked)["visitors"]
    assert (anna["id"], anna["pseudonyms"], anna["excluded_since"]) == ("user of anna", [ANNA], None)
    assert {day: len(tables["events"]) for day, tables in anna["days"].items()} == {"2026-03-02": 8, "2026-03-03": 8}
    first = anna["days"]["2026-03-02"]
    assert set(first) == {"events", "examples", "items", "scores"}
    assert {row["visitor"] for table in first.values() for row in table} == {ANNA}
    assert [(row["score"], str(row["start_ts"])) for row in first["scores"]] == [(0.25, "2026-03-02 09:00:00.123456")]
    assert len(anna["orders"]) == 4
    assert anna["models"] == ["2026-03-03-aaa"]
    assert "scores" not in ben["days"]["2026-03-02"]
    assert not set(anna["orders"]) & set(ben["orders"])
    assert (nobody["days"], nobody["orders"], nobody["models"]) == ({}, [], [])


def test_after_an_erasure_only_the_exclusion_is_left(spark: Any, settings: Settings, lake: Lake) -> None:
    erase(settings, "user of anna")
    [anna] = access_report(spark, lake, {"user of anna": [ANNA]})["visitors"]
    assert (anna["days"], anna["orders"]) == ({}, [])
    assert anna["excluded_since"] is not None


def test_too_many_visitors_are_rejected_before_reading(spark: Any, lake: Lake) -> None:
    with pytest.raises(ErasureError, match="101 ids; expected at most 100"):
        access_report(spark, lake, {str(n): [str(n)] for n in range(MAX_VISITORS + 1)})


def test_command_writes_a_private_file_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAPLINE_HOME", str(settings.home))
    monkeypatch.setenv("LEAPLINE_PSEUDONYM_KEY", KEY.decode())
    out = tmp_path / "report.json"
    arguments = ["access", "--ids", "-", "--out", str(out)]
    done = CliRunner().invoke(app, arguments, input="user of ben\nuser of ben\n")
    assert done.exit_code == 0, done.output
    report = json.loads(out.read_text())
    assert [visitor["id"] for visitor in report["visitors"]] == ["user of ben"]
    assert "user of ben" not in done.output
    assert out.stat().st_mode & 0o077 == 0
    again = CliRunner().invoke(app, arguments, input="user of ben\n")
    assert again.exit_code == 2
    assert "exists" in again.output
