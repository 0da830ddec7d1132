"""The task of the DAG `drill`: it logs every row, and fails if a fault was not stopped."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROW = {
    "stage": "gate",
    "broken": "a bit",
    "noticed_in": "gate",
    "error": "InputChangedError: x",
    "changed": [],
    "ok": True,
}
PASSED = {"stage": "publish", "broken": "a tag", "noticed_in": "", "error": "", "changed": ["tag m1"], "ok": False}


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the task with a command that prints some rows."""
    from leapline.orchestration import drill

    def run(rows: Any, text: str = "", code: int = 0) -> Any:
        script = tmp_path / "drill.py"
        output = json.dumps(rows) if rows is not None else ""
        script.write_text(
            f"import sys; print({output!r}); print({text!r}, file=sys.stderr); open({str(tmp_path / 'argv')!r}, 'w')"
            f".write(' '.join(sys.argv[1:])); sys.exit({code})"
        )
        monkeypatch.setattr(drill, "COMMAND", (sys.executable, str(script)))
        return drill.Drill().execute({"params": {"sessions_per_day": 700}})

    return run


def test_rows_are_returned_and_logged(execute: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([ROW]) == [ROW]
    assert (tmp_path / "argv").read_text() == "--sessions-per-day 700"
    assert "gate: a bit; noticed in gate; published: nothing new. InputChangedError: x" in capsys.readouterr().out


def test_fault_that_was_not_stopped_fails_the_task(execute: Any) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=r"Not stopped: publish \(a tag\)"):
        execute([ROW, PASSED], code=1)


def test_drill_that_could_not_begin_fails_the_task_with_its_reason(execute: Any) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match="RegistryError the reason"):
        execute(None, text="A healthy run\nRegistryError the reason", code=1)
