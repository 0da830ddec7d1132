"""Commands that need no night behind them, and one message for a user's mistake."""

import json
from datetime import date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from leapline import cli
from leapline.errors import InputError, StorageError
from leapline.runtime.context import STEP_DESCRIPTIONS
from leapline.serving.client import ScorerClient
from leapline.serving.ledger import Entry, Ledger
from leapline.settings import Settings
from tests.command import leapline
from tests.conftest import ROOT


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_settings_are_shown_as_they_are_in_force(settings: Settings) -> None:
    shown = {row["name"]: row["value"] for row in leapline(settings, "settings")}
    assert shown["LEAPLINE_HOME"] == str(settings.home)
    assert shown["LEAPLINE_FOREST_TREES"] == "60"


def test_what_one_copies_is_never_cut(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    told = StringIO()
    monkeypatch.setattr(cli, "out", Console(file=told, width=50))
    monkeypatch.setenv("LEAPLINE_HOME", str(settings.home))
    row = dict.fromkeys(("roc_auc", "average_precision", "digest"), 0.9) | {"data_day": "2026-03-05", "tags": "?"}
    ids = {"model_id": "2026-03-05-3f2a90bc11de", "verdict": "Passed all 18 rules: " * 5, "result": "published"}
    monkeypatch.setattr("leapline.records.candidates.listing", lambda _: [row | ids])
    done = CliRunner().invoke(cli.app, ["models"])
    assert "2026-03-05-3f2a90bc11de" in told.getvalue()
    assert "the registry does not answer" in done.stderr
    CliRunner().invoke(cli.app, ["settings"])
    assert all(f"LEAPLINE_{name.upper()}" in told.getvalue() for name in Settings.model_fields)


def test_the_ledger_is_whole_at_80_columns(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    told = StringIO()
    monkeypatch.setattr(cli, "out", Console(file=told, width=80))
    monkeypatch.setenv("LEAPLINE_HOME", str(settings.home))
    why, model_id = "Passed all 18 rules: ROC AUC: 0.923939 (at least 0.88).", "2026-03-05-3f2a90bc11de"
    entry = Entry("2026-03-06T04:00:00+00:00", "leapline", why, "r", "rollback", "champion", model_id, None, "sha256:1")
    Ledger(settings.ledger).append(entry)
    CliRunner().invoke(cli.app, ["ledger"])
    assert all(word in told.getvalue() for word in ("2026-03-06 04:00", "leapline", "rollback", model_id, "0.923939"))
    assert "…" not in told.getvalue()


def test_a_run_by_hand_is_told_step_by_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [{"name": "roc_auc", "passed": False, "why": "ROC AUC: 0.5, but at least 0.88 is asked"}]
    gate = {"passed": False, "sentence": "Refused: ROC AUC.", "rules": rules, "card": "card.md", "plots": "plots"}
    told = {"check_events": {"2026-03-04": {"passed": True, "sentence": "All hold."}}, "gate": gate}
    monkeypatch.setattr(cli, "_do", lambda step, *_: told.get(step, {"sessions": 12}))
    cli.run(datetime(2026, 3, 4))
    said = capsys.readouterr()
    assert said.out == (
        "  sessions 12\n  2026-03-04: All hold.\n  sessions 12\n  sessions 12\n  sessions 12\n"
        "  ✗ roc_auc ROC AUC: 0.5, but at least 0.88 is asked\ncard card.md\nplots plots\n"
    )
    assert said.err.splitlines()[-2:] == ["gate ...", "Refused: ROC AUC."]


def test_rules_are_lines_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    cli._print({"rules": [{"name": "roc_auc", "passed": False, "why": "ROC AUC: 0.5 (at least 0.88)"}]}, as_json=False)
    assert capsys.readouterr().out == "  ✗ roc_auc ROC AUC: 0.5 (at least 0.88)\n"


def test_a_request_is_sent_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    sent: list[Any] = []

    def keep(_: ScorerClient, entries: Any) -> list[dict[str, float]]:
        sent.append(entries)
        return [{"buy": 0.5}]

    monkeypatch.setattr(ScorerClient, "score", keep)
    session = {"session": "s", "events": [{"kind": "search"}]}
    for content in ({"session": session}, {"sessions": [session]}, [session], session):
        (tmp_path / "body.json").write_text(json.dumps(content))
        assert leapline(settings, "score", str(tmp_path / "body.json")) == [{"buy": 0.5}]
    assert sent == [[session]] * 4


def test_what_is_no_request_is_told_apart(tmp_path: Path, settings: Settings) -> None:
    done = CliRunner().invoke(cli.app, ["score", str(tmp_path / "nosuch.json")])
    assert done.exit_code == 2
    assert "does not exist" in done.stderr
    (tmp_path / "cut.json").write_text("{")
    with pytest.raises(StorageError, match=r"cut\.json: .* expected a JSON file\. See docs/api\.md"):
        leapline(settings, "score", str(tmp_path / "cut.json"))


def test_late_truth_shows_the_days_that_changed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    told, beside = StringIO(), StringIO()
    monkeypatch.setattr(cli, "out", Console(file=told, width=200))
    monkeypatch.setattr(cli, "err", Console(file=beside, width=200))
    same = dict.fromkeys(("flipped", "missing", "added"), 0) | {"sessions": 9, "roc_auc_then": 0.9, "roc_auc_now": 0.9}
    rows = [same | {"data_day": "2026-03-04", "verdict_now": "as before", "changed": False}]
    monkeypatch.setattr("leapline.modelling.delayed_labels.list_label_changes", lambda *_: rows)
    CliRunner().invoke(cli.app, ["late", "--date", "2026-03-06"])
    assert told.getvalue().startswith("Nothing has changed: 1 judged days before 2026-03-06")
    rows.append(rows[0] | {"data_day": "2026-03-05", "flipped": 2, "changed": True})
    CliRunner().invoke(cli.app, ["late", "--date", "2026-03-06"])
    assert "2026-03-05" in told.getvalue()
    assert "2026-03-04" not in told.getvalue()
    assert beside.getvalue().startswith("The other 1 of 2 judged days")


def test_each_step_says_what_it_does() -> None:
    for step, about in STEP_DESCRIPTIONS.items():
        words = " ".join(CliRunner().invoke(cli.app, [step.replace("_", "-"), "--help"]).stdout.split())
        assert about.split(";")[0].split(",")[0] in words


def test_events_are_generated_where_they_land(settings: Settings) -> None:
    report = leapline(settings, "generate", "--start", "2026-03-01", "--days", "1", "--sessions-per-day", "50")
    assert report["sessions"] >= 25
    assert list((settings.home / "landing").glob("run=2026-03-01*/*.gz"))


def test_public_data_is_imported_where_it_lands(settings: Settings, tmp_path: Path) -> None:
    clicks, buys, events = (tmp_path / name for name in ("clicks.dat", "buys.dat", "events.csv"))
    clicks.write_text("1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,S\n")
    buys.write_text("1,2014-04-07T10:55:00.000Z,214536500,100,1\n")
    events.write_text("timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,355908,\n")
    report = leapline(settings, "import", "yoochoose", str(clicks), str(buys))
    assert (report["events"], report["malformed"]) == (4, 0), "a purchase is two events"
    assert list((settings.home / "landing").rglob("*.gz"))
    with pytest.raises(InputError, match="events of another source"):
        leapline(settings, "import", "retailrocket", str(events))
    report = leapline(settings, "import", "retailrocket", str(events), "--to", str(tmp_path / "other"))
    assert (report["events"], report["malformed"]) == (1, 0)


def test_a_feature_spec_is_checked(settings: Settings, tmp_path: Path) -> None:
    shipped = ROOT / "include/leapline/features/default_features.json"
    found = leapline(settings, "features", "check", str(shipped))
    assert found["unit"] == "session"
    assert found["features"] == len(found["numbers"]) + len(found["categories"])
    schema = CliRunner().invoke(cli.app, ["features", "schema"])
    assert json.loads(schema.stdout) == json.loads((ROOT / "docs/features.schema.json").read_text())


def test_a_mistake_ends_in_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["leapline", "extract", "--date", str(date(2026, 3, 1)), "--set", "forest_trees"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "SettingsError --set: found 'forest_trees'; expected KEY=VALUE." in said.err
    assert "Traceback" not in said.err + said.out
