"""Limits that a run loosened are named at their rules; stricter ones are not."""

import re
from pathlib import Path
from typing import Any

import pytest

from leapline.evaluation.rules import at_least
from leapline.records.loosened import LOOSER, loosened, notes_of, with_notes
from leapline.settings import Settings


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"roc_auc_threshold": 0.8}, ["roc_auc_threshold is 0.8 instead of 0.88"]),
        ({"roc_auc_threshold": 0.95, "training_days": 3}, []),
        ({"max_calibration_error": 0.1}, ["max_calibration_error is 0.1 instead of 0.03"]),
        ({"max_calibration_error": 0.01}, []),
        ({"compare_champion": False}, ["compare_champion is False instead of True"]),
        ({"min_positives": 5, "champion_margin": 0.1},
         ["min_positives is 5 instead of 30", "champion_margin is 0.1 instead of 0.01"]),
    ],
)  # fmt: skip
def test_only_looser_limits_are_listed(overrides: dict[str, Any], expected: list[str]) -> None:
    assert [str(one) for one in loosened(Settings.load(**overrides))] == expected


def test_the_installation_may_be_loose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_ROC_AUC_THRESHOLD", "0.7")
    assert loosened(Settings.load()) == []
    assert loosened(Settings.load(roc_auc_threshold=0.75)) == []
    assert [one.usual for one in loosened(Settings.load(roc_auc_threshold="0.6"))] == [0.7]


def test_settings_are_equal_however_they_were_given() -> None:
    assert Settings.load(seed=20150) == Settings.load()
    assert hash(Settings.load(seed=20150)) == hash(Settings.load())
    assert Settings.load(seed=1) != Settings.load()


def test_the_rule_names_who_loosened_it() -> None:
    rules = [
        at_least("roc_auc", 0.85, 0.8, "ROC AUC"),
        at_least("slice device", 0.6, 0.5, "worst"),
        at_least("x", 1, 0, "x"),
    ]
    noted = with_notes(rules, Settings.load(roc_auc_threshold=0.8, min_slice_roc_auc=0.5), "anna")
    assert [rule.note for rule in noted] == [
        "loosened by anna: roc_auc_threshold is 0.8 instead of 0.88",
        "loosened by anna: min_slice_roc_auc is 0.5 instead of 0.7",
        "",
    ]
    assert notes_of({"rules": [{"note": "a"}, {"note": ""}, {}, {"note": "a"}, {"note": "b"}]}) == "a; b"


def test_every_limit_of_gate_and_probe_is_in_the_table() -> None:
    """A new limit that is missing here could be loosened without a note."""
    limits = {n for n, field in Settings.model_fields.items() if re.match("(Gate|Probe): ", field.description or "")}
    assert limits - set(LOOSER) == set()
    assert set(LOOSER) - set(Settings.model_fields) == set()
