"""Summaries and tables on a terminal."""

import json

import pytest

from leapline.console import as_text, gist, lines, print_summary, print_table, unshortened


def test_summary_has_one_line_per_value_and_indents_nested_ones() -> None:
    day = {"lines": 12, "share": 0.123456789, "excluded": {"bot": 1}, "none": {}}
    assert [line.plain for line in lines({"2026-03-04": day, "odd": ((3, "x"),), "champion": None})] == [
        "2026-03-04",
        "  lines 12",
        "  share 0.123",
        "  excluded",
        "    bot 1",
        "  none {}",
        'odd [[3, "x"]]',
        "champion -",
    ]


def test_text_that_looks_like_markup_is_printed_verbatim() -> None:
    assert [line.plain for line in lines({"why": "[red] found"})] == ["why [red] found"]


def test_rules_are_printed_with_marks(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary({"rules": [{"name": "roc_auc", "passed": False, "why": "ROC AUC: 0.5, required at least 0.88"}]})
    assert capsys.readouterr().out == "  ✗ roc_auc ROC AUC: 0.5, required at least 0.88\n"


def test_json_has_full_precision(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary({"roc_auc": 0.9141234567}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"roc_auc": 0.9141234567}


def test_gist_is_one_line() -> None:
    assert gist({"passed": True, "sentence": "All hold."}) == "All hold."
    assert gist({"promoted": False, "why": "promotion is off", "champion": "sha256:1"}) == "promotion is off"
    days = {
        "2026-03-04": {"day": "2026-03-04", "lines": 12, "excluded": {"bot": 1}},
        "2026-03-05": {"note": "no events"},
    }
    assert gist(days) == "2026-03-04: lines 12; 2026-03-05: note no events"
    assert gist({"roc_auc": 0.91239, "interval": [0.9, 0.92], "trained": True}) == "roc auc 0.912"


def test_numbers_are_formatted_for_people() -> None:
    assert as_text(7.8e-16) == "7.8e-16", "a small difference is not shown as zero"
    assert as_text(0.92391) == "0.924"
    assert as_text(12_345) == "12,345"
    assert as_text(True) == "True"
    assert as_text(None) == "-"


def test_table_shortens_only_columns_that_allow_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    print_table("Models", [unshortened("model"), "verdict"], [("2026-03-05-3f2a90bc11de", "Passed all rules")])
    shown = capsys.readouterr().out
    assert "2026-03-05-3f2a90bc11de" in shown
    print_table("Models", ["model"], [], empty="No model has been judged yet.")
    assert capsys.readouterr().out == "No model has been judged yet.\n"
