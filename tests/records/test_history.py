"""The judged days side by side, whatever became of them."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leapline.cli import app
from leapline.evaluation.champion import Rival
from leapline.evaluation.rules import refuse
from leapline.evaluation.verdict import conclude
from leapline.records import history, verdicts
from leapline.records.candidates import listing
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.storage import Lake, write_json
from tests.command import environment, leapline

DAYS = [date(2026, 3, day) for day in (1, 2, 4)]


def judge(lake: Lake, day: date, roc_auc: float | None, *, backfill: bool = False) -> str:
    """A refused candidate's evaluation and verdict; gives the verdict's attempt."""
    metrics: dict[str, Any] = {"examples": 900, "positives": 40, "average_precision": roc_auc}
    interval = None if roc_auc is None else [roc_auc - 0.02, roc_auc + 0.02]
    metrics |= {"roc_auc": roc_auc, "roc_auc_interval": interval, "average_precision_interval": interval}
    verdict = conclude([refuse("roc_auc", "at least 0.88", f"too low, on {day}")])
    result = verdicts.result(passed=False, backfill=backfill)
    document = verdicts.document(verdict, RunContext(day, "r", backfill), Rival("none", "there is none"), result)
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


def test_the_table_has_every_day_once(settings: Settings) -> None:
    folder = history.write(settings)
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["data_day"] for row in rows] == ["2026-03-01", "2026-03-02", "2026-03-04"]
    assert [row["result"] for row in rows] == ["would have been refused", "refused", "refused"]
    assert [row["roc_auc"] for row in rows] == ["0.7", "", "0.8"]
    text = (folder / "history.md").read_text()
    assert "| 2026-03-04 | 0.8000 (0.7800 to 0.8200) |" in text
    assert "| 2026-03-02 | - | - | 40 | refused | Refused: too low, on 2026-03-02. |" in text
    assert (folder / "roc_auc.png").read_bytes().startswith(b"\x89PNG")


def test_a_day_judged_again_is_replaced_and_a_range_can_be_asked_for(settings: Settings) -> None:
    lake = Lake(settings.home)
    judge(lake, DAYS[2], 0.9)
    assert [row["roc_auc"] for row in history.rows(lake, first=DAYS[1])] == [None, 0.9]
    assert [row["data_day"] for row in history.rows(lake, last=DAYS[0])] == ["2026-03-01"]


def test_the_probe_has_the_last_word_on_what_it_probed_only(settings: Settings) -> None:
    lake = Lake(settings.home)
    gate = judge(lake, DAYS[0], 0.9)
    with lake.attempt("probes", DAYS[0]) as out:
        write_json(out / "verdict.json", {"gate": gate, "passed": True, "summary": "the probe's"})
    assert verdicts.final(lake, DAYS[0])["summary"] == "the probe's"
    judge(lake, DAYS[0], 0.6)
    assert verdicts.final(lake, DAYS[0])["summary"].startswith("Refused: too low")


def test_verdicts_of_an_earlier_version_are_left_alone(settings: Settings) -> None:
    lake = Lake(settings.home)
    with lake.attempt("verdicts", DAYS[0]) as out:
        write_json(out / "verdict.json", {"passed": True, "summary": "Passed.", "rules": []})
    with lake.attempt("probes", DAYS[1]) as out:
        write_json(out / "probe.json", {"passed": True})
    assert [row["data_day"] for row in history.rows(lake)] == ["2026-03-02", "2026-03-04"]
    assert len(listing(settings)) == 2


def test_nothing_judged_is_an_empty_table(tmp_path: Path) -> None:
    folder = history.write(Settings(home=tmp_path))
    assert {p.name for p in folder.iterdir()} == {"history.csv", "history.md"}


def test_refused_candidates_are_listed_with_the_reason(settings: Settings) -> None:
    rows = listing(settings)
    assert [(row["model_id"], row["roc_auc"], row["tags"]) for row in rows] == [
        (None, 0.7, ""), (None, None, ""), (None, 0.8, "")
    ]  # fmt: skip
    assert rows[0]["verdict"] == "Refused: too low, on 2026-03-01."


@pytest.mark.parametrize("command", ["models", "history", "ledger", "late --date 2026-05-01"])
def test_the_commands_print_tables_and_json(settings: Settings, command: str) -> None:
    shown = CliRunner().invoke(app, command.split(), env=environment(settings))
    assert shown.exit_code == 0, shown.output
    rows = leapline(settings, *command.split())
    assert len(rows) == (3 if command in ("models", "history") else 0)
