"""The note on a run: how it ended, in one sentence."""

from pathlib import Path
from typing import Any

import pytest

from leapline.errors import NoEventsError
from leapline.orchestration.note import run_note
from leapline.runtime.reports import write_report
from leapline.settings import Settings

PASSED = {"passed": True, "sentence": "Passed."}
ERROR = str(NoEventsError("events", found="none", expected="some", fix="Look."))


@pytest.mark.parametrize(
    ("reports", "note"),
    [
        ({}, ""),
        ({"extract": {"lines": 3}}, ""),
        ({"gate": {"passed": False, "sentence": "Refused: too low."}}, "Refused: too low."),
        ({"gate": PASSED, "probe": {"passed": False, "sentence": "Refused: row 7."}}, "Refused: row 7."),
        (
            {"gate": PASSED, "promote": {"promoted": True, "model_id": "m1", "why": "Passed: 0.9."}},
            "Promoted: Passed: 0.9.",
        ),
        ({"gate": PASSED}, ""),
        (
            {"promote": {"promoted": False, "model_id": "m1", "why": "it is older", "verdict": "Passed."}},
            "Published: Passed. Not promoted: it is older.",
        ),
        (
            {"promote": {"promoted": False, "is_champion": True, "why": "same image", "verdict": "Passed."}},
            "Champion reproduced: Passed. This image is already the champion.",
        ),
        (
            {
                "promote": {"promoted": True, "why": "Passed: 0.9."},
                "deploy": {"targets": {}, "why": "m1 runs everywhere"},
            },
            "Promoted: Passed: 0.9. m1 runs everywhere.",
        ),
        (
            {"promote": {"promoted": True, "why": "Passed: 0.9."}, "deploy": {"skipped": True, "why": "no target"}},
            "Promoted: Passed: 0.9.",
        ),
        ({"promote": {"promoted": True, "why": "x"}, "deploy": ERROR}, f"Failed in deploy: {ERROR}"),
        ({"extract": ERROR}, f"Failed in extract: {ERROR}"),
    ],
)
def test_note_states_how_the_run_ended(tmp_path: Path, reports: dict[str, Any], note: str) -> None:
    settings = Settings.load(home=tmp_path)
    for step, content in reports.items():
        failed = isinstance(content, str)
        report = {"ok": False, "error": {"text": content}} if failed else {"ok": True, "summary": content}
        write_report(settings, "run", step, {"step": step, "run_id": "run", **report})
    assert run_note(settings, "run") == note
