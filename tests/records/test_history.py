"""The table of judged days."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leapline.cli import app
from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.rules import refuse
from leapline.evaluation.verdict import conclude
from leapline.records import history, verdicts
from leapline.records.candidates import candidates
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.storage import Lake, write_json
from tests.command import environment, leapline

DAYS = [date(2026, 3, day) for day in (1, 2, 4)]


def judge(lake: Lake, day: date, roc_auc: float | None, *, backfill: bool = False) -> str:
    """Write evaluation and verdict of a refused candidate; returns the verdict's attempt."""
    metrics: dict[str, Any] = {"examples": 900, "positives": 40, "average_precision": roc_auc}
    interval = None if roc_auc is None else [roc_auc - 0.02, roc_auc + 0.02]
    metrics |= {"roc_auc": roc_auc, "roc_auc_interval": interval, "average_precision_interval": interval}
    verdict = conclude([refuse("roc_auc", "at least 0.88", f"too low, on {day}")])
    result = verdicts.result_of(passed=False, backfill=backfill)
    document = verdicts.verdict_document(
        verdict, RunContext(day, "r", backfill), ChampionComparison("none", "there is none"), result
    )
    with lake.attempt("evaluations", day) as out:
        write_json(out / "metrics.json", metrics)
    with lake.attempt("verdicts", day) as out:
        write_json(out / "verdict.json", document)
    return out.name


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    lake = Lake(tmp_path)
    for day, roc_auc in zip(DAYS, (0.7, None, 0.8), strict=True):
        judge(lake, day, roc_auc, backfill=day == DAYS[0])
    return Settings(home=tmp_path, registry="127.0.0.1:1")


def test_table_has_one_row_per_judged_day(settings: Settings) -> None:
    folder = Path(history.write(settings))
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["data_day"] for row in rows] == ["2026-03-01", "2026-03-02", "2026-03-04"]
    assert [row["result"] for row in rows] == ["would have been refused", "refused", "refused"]
    assert [row["roc_auc"] for row in rows] == ["0.7", "", "0.8"]
    text = (folder / "history.md").read_text()
    assert "| 2026-03-04 | 0.800 (0.780 to 0.820) |" in text
    assert "| 2026-03-02 | - | - | 900 | 40 | refused | Refused: too low, on 2026-03-02. |" in text
    assert (folder / "roc_auc.png").read_bytes().startswith(b"\x89PNG")


def test_range_limits_the_rows_and_the_newest_verdict_of_a_day_counts(settings: Settings) -> None:
    lake = Lake(settings.home)
    judge(lake, DAYS[2], 0.9)
    assert [row["roc_auc"] for row in history.rows(lake, first=DAYS[1])] == [None, 0.9]
    assert [row["data_day"] for row in history.rows(lake, last=DAYS[0])] == ["2026-03-01"]


def test_verdicts_without_a_result_are_omitted(settings: Settings) -> None:
    lake = Lake(settings.home)
    with lake.attempt("verdicts", DAYS[0]) as out:
        write_json(out / "verdict.json", {"passed": True, "summary": "Passed.", "rules": []})
    with lake.attempt("probes", DAYS[1]) as out:
        write_json(out / "probe.json", {"passed": True})
    assert [row["data_day"] for row in history.rows(lake)] == ["2026-03-02", "2026-03-04"]
    assert len(list(candidates(lake))) == 2


def test_lake_without_verdicts_gives_an_empty_table(tmp_path: Path) -> None:
    folder = history.write(Settings(home=tmp_path))
    assert {p.name for p in Path(folder).iterdir()} == {"history.csv", "history.md"}


def test_refused_candidates_are_listed_with_the_reason(settings: Settings) -> None:
    rows = list(candidates(Lake(settings.home)))
    assert [(row.model_id, row.roc_auc) for row in rows] == [(None, 0.8), (None, None), (None, 0.7)]
    assert rows[-1].summary == "Refused: too low, on 2026-03-01."


@pytest.mark.parametrize("command", ["models", "history", "ledger", "late --date 2026-05-01"])
def test_commands_print_tables_and_json(settings: Settings, command: str) -> None:
    shown = CliRunner().invoke(app, command.split(), env=environment(settings))
    assert shown.exit_code == 0, shown.output
    rows = leapline(settings, *command.split())
    assert len(rows) == (3 if command in ("models", "history") else 0)
