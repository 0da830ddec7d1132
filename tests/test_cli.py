"""Commands that need no earlier run, and the one message that a user's mistake ends with."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from leapline.cli import app, main
from leapline.deployment.factory import ledger_of
from leapline.errors import InputError, StorageError
from leapline.promotion.ledger import Entry
from leapline.records.candidates import Candidate
from leapline.runtime.context import STEP_DESCRIPTIONS, STEPS
from leapline.serving.client import ScorerClient
from leapline.settings import Settings
from tests.command import environment, leapline
from tests.conftest import ROOT
from tests.ports import free_port

MODEL_ID = "2026-03-05-3f2a90bc11de"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a registry that does not answer, even where a demo's registry runs on the usual port."""
    return Settings(home=tmp_path, registry=f"127.0.0.1:{free_port()}")


def terminal(settings: Settings, width: int, *argv: str) -> Result:
    """Run a command without `--json` on a terminal of some width."""
    return CliRunner().invoke(app, list(argv), env=environment(settings) | {"COLUMNS": str(width)})


def test_settings_command_shows_effective_values(settings: Settings) -> None:
    shown = {row["name"]: row["value"] for row in leapline(settings, "settings")}
    assert shown["LEAPLINE_HOME"] == str(settings.home)
    assert shown["LEAPLINE_FOREST_TREES"] == "60"


def test_narrow_terminal_never_shortens_model_ids_and_setting_names(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Candidate(MODEL_ID, MODEL_ID, "2026-03-05", "published", True, "Passed all 18 rules. " * 5, digest="sha256:1")
    monkeypatch.setattr("leapline.records.candidates.candidates", lambda _: [row])
    shown = terminal(settings, 50, "models")
    assert MODEL_ID in shown.stdout
    assert "The registry does not answer" in shown.stderr
    names = terminal(settings, 50, "settings").stdout
    assert all(f"LEAPLINE_{name.upper()}" in names for name in Settings.model_fields)


def test_metrics_of_models_have_three_decimals_and_json_has_all(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Candidate(MODEL_ID, MODEL_ID, "2026-03-05", "published", True, "Passed.", 0.91412345, None, None)
    monkeypatch.setattr("leapline.records.candidates.candidates", lambda _: [row])
    shown = terminal(settings, 120, "models").stdout
    assert "0.914" in shown
    assert "0.91412345" not in shown
    assert leapline(settings, "models")[0]["roc_auc"] == 0.91412345


def test_ledger_fits_80_columns_without_shortening(settings: Settings) -> None:
    why = "Passed all 18 rules: ROC AUC: 0.924 (required at least 0.88)."
    entry = Entry("2026-03-06T04:00:00+00:00", "leapline", why, "r", "rollback", "champion", MODEL_ID, None, "sha256:1")
    ledger_of(settings).append(entry)
    shown = terminal(settings, 80, "ledger").stdout
    assert all(text in shown for text in ("2026-03-06 04:00", "leapline", "rollback", MODEL_ID, "0.924"))
    assert "…" not in shown


def test_run_reports_step_by_step_and_stops_at_a_refusal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [{"name": "roc_auc", "passed": False, "why": "ROC AUC: 0.5, required at least 0.88"}]
    gate = {"passed": False, "sentence": "Refused: ROC AUC.", "rules": rules, "card": "card.md", "plots": "plots"}
    summaries = {"check_events": {"2026-03-04": {"passed": True, "sentence": "All hold."}}, "gate": gate}
    for step in STEP_DESCRIPTIONS:
        summary = summaries.get(step, {"sessions": 12})
        monkeypatch.setattr(f"leapline.steps.{step}.run", lambda settings, context, summary=summary: summary)
    shown = terminal(settings, 120, "run", "--date", "2026-03-04")
    before = STEPS[: STEPS.index("gate")]
    gists = ["  2026-03-04: All hold.\n" if step == "check_events" else "  sessions 12\n" for step in before]
    assert shown.stdout == (
        "".join(gists) + "  ✗ roc_auc ROC AUC: 0.5, required at least 0.88\ncard card.md\nplots plots\n"
    )
    assert shown.stderr.splitlines()[-2:] == ["gate ...", "Refused: ROC AUC."]


def test_score_accepts_every_form_of_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    sent: list[Any] = []

    def record(_: ScorerClient, entries: Any) -> list[dict[str, float]]:
        sent.append(entries)
        return [{"buy": 0.5}]

    monkeypatch.setattr(ScorerClient, "score", record)
    session = {"session": "s", "events": [{"kind": "search"}]}
    for content in ({"session": session}, {"sessions": [session]}, [session], session):
        (tmp_path / "body.json").write_text(json.dumps(content))
        assert leapline(settings, "score", str(tmp_path / "body.json")) == [{"buy": 0.5}]
    assert sent == [[session]] * 4


def test_score_reports_a_missing_file_and_a_truncated_one(tmp_path: Path, settings: Settings) -> None:
    missing = terminal(settings, 80, "score", str(tmp_path / "nosuch.json"))
    assert missing.exit_code == 2
    assert "does not exist" in " ".join(missing.stderr.split())
    (tmp_path / "truncated.json").write_text("{")
    with pytest.raises(StorageError, match=r"truncated\.json: .* expected a JSON file\. See docs/api\.md"):
        leapline(settings, "score", str(tmp_path / "truncated.json"))


def test_late_lists_only_days_with_changed_labels(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    same = dict.fromkeys(("flipped", "missing", "added"), 0) | {"sessions": 9, "roc_auc_then": 0.9, "roc_auc_now": 0.9}
    rows = [same | {"data_day": "2026-03-04", "verdict_now": "as before", "changed": False}]
    monkeypatch.setattr("leapline.modelling.delayed_labels.list_label_changes", lambda *_: rows)
    shown = terminal(settings, 200, "late", "--date", "2026-03-06")
    assert shown.stdout.startswith("No label has changed (1 judged day before 2026-03-06")
    rows.append(rows[0] | {"data_day": "2026-03-05", "flipped": 2, "changed": True})
    shown = terminal(settings, 200, "late", "--date", "2026-03-06")
    assert "2026-03-05" in shown.stdout
    assert "2026-03-04" not in shown.stdout
    assert shown.stderr.startswith("1 other days have not changed (2 judged days")


def test_help_of_each_step_describes_it(settings: Settings) -> None:
    for step, description in STEP_DESCRIPTIONS.items():
        shown = " ".join(terminal(settings, 120, step.replace("_", "-"), "--help").stdout.split())
        assert description.split(";")[0].split(",")[0] in shown


def test_generated_events_go_to_the_landing_folder(settings: Settings) -> None:
    report = leapline(settings, "generate", "--start", "2026-03-01", "--days", "1", "--sessions-per-day", "50")
    assert report["sessions"] >= 25
    assert list((settings.home / "landing").glob("run=2026-03-01*/*.gz"))


def test_imported_events_go_to_the_landing_folder(settings: Settings, tmp_path: Path) -> None:
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


def test_features_check_summarises_a_valid_spec(settings: Settings) -> None:
    shipped = ROOT / "include/leapline/features/default_features.json"
    report = leapline(settings, "features", "check", str(shipped))
    assert report["unit"] == "session"
    assert report["features"] == len(report["numbers"]) + len(report["categories"])


def test_published_schema_of_feature_specs_is_up_to_date(settings: Settings) -> None:
    schema = terminal(settings, 80, "features", "schema")
    assert json.loads(schema.stdout) == json.loads((ROOT / "docs/features.schema.json").read_text())


def test_user_error_prints_one_message_and_exits_with_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["leapline", "extract", "--date", str(date(2026, 3, 1)), "--set", "forest_trees"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    output = capsys.readouterr()
    assert "SettingsError --set: found 'forest_trees'; expected KEY=VALUE." in output.err
    assert "Traceback" not in output.err + output.out
