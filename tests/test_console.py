"""Summaries as lines for a terminal."""

from leapline.console import as_text, gist, lines


def test_a_summary_is_lines_to_read() -> None:
    day = {"lines": 12, "share": 0.123456789, "excluded": {"bot": 1}, "none": {}}
    told = [line.plain for line in lines({"2026-03-04": day, "odd": ((3, "x"),), "champion": None})]
    assert told == [
        "2026-03-04",
        "  lines 12",
        "  share 0.123457",
        "  excluded",
        "    bot 1",
        "  none {}",
        'odd [[3, "x"]]',
        "champion -",
    ]


def test_what_looks_like_markup_is_told_as_it_is() -> None:
    assert [line.plain for line in lines({"why": "[red] found"})] == ["why [red] found"]


def test_a_step_is_told_in_one_line() -> None:
    assert gist({"passed": True, "sentence": "All hold."}) == "All hold."
    assert gist({"promoted": False, "why": "asked not to", "champion": "sha256:1"}) == "asked not to"
    days = {
        "2026-03-04": {"day": "2026-03-04", "lines": 12, "excluded": {"bot": 1}},
        "2026-03-05": {"note": "no events"},
    }
    assert gist(days) == "2026-03-04: lines 12; 2026-03-05: note no events"
    assert gist({"roc_auc": 0.91239, "interval": [0.9, 0.92], "trained": True}) == "roc auc 0.91239"


def test_small_differences_are_not_zero() -> None:
    assert as_text(7.8e-16) == "7.8e-16"
    assert as_text(0.92391, ".4f") == "0.9239"
