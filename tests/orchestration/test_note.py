"""A run's outcome in one sentence."""

from pathlib import Path
from typing import Any

import pytest

from leapline.errors import NoEventsError
from leapline.orchestration.note import run_note
from leapline.runtime.reports import report_path
from leapline.settings import Settings
from leapline.storage import write_json

PASSED = {"passed": True, "sentence": "Passed."}
ERROR = str(NoEventsError("events", found="none", expected="some", fix="Look."))


@pytest.mark.parametrize(
    ("reports", "note"),
    [
        ({}, ""),
        ({"extract": {"lines": 3}}, ""),
        ({"gate": {"passed": False, "sentence": "Refused: too low."}}, "Refused: too low."),
        ({"gate": PASSED, "probe": {"passed": False, "sentence": "Refused: row 7."}}, "Refused: row 7."),
        ({"gate": PASSED, "promote": {"promoted": True, "model_id": "m1", "why": "0.9."}}, "Champion: m1. 0.9."),
        ({"promote": {"promoted": False, "model_id": "m1", "why": "old"}}, "Published, not promoted: m1. old"),
        ({"extract": ERROR}, f"extract failed: {ERROR}"),
    ],
)
def test_note(tmp_path: Path, reports: dict[str, Any], note: str) -> None:
    settings = Settings.load(home=tmp_path)
    for step, told in reports.items():
        bad = {"ok": False, "error": {"text": told}} if isinstance(told, str) else {"ok": True, "summary": told}
        write_json(report_path(settings, "night", step), bad)
    assert run_note(settings, "night") == note
