"""The record of a candidate is read back; files of an earlier version are named, with what to do."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leapline.errors import LeaplineError
from leapline.evaluation import calibration_ratio
from leapline.evaluation.best_champion import BestChampion
from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.leakage import Leakage
from leapline.evaluation.metrics import measure
from leapline.evaluation.slices import Slice
from leapline.records import model_record
from leapline.storage import Lake, write_json

DAY = date(2026, 3, 1)


def documents() -> dict[str, dict[str, Any]]:
    """Return what the evaluation of this version contains, as far as the evidence reads it."""
    metrics = measure(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.9, 0.3, 0.4])).as_dict()
    metrics |= {"slices": [Slice("device", "TV", 4, 2, 1.0, None).as_dict()], "largest_tree": 3, "baseline": None}
    labels = np.array([0.0, 1.0, 0.0, 1.0])
    ratio = calibration_ratio.measure(labels, labels, np.array(list("abcd")), resamples=100, seed=1)
    metrics |= {"items": None, "moments": [], "calibration_ratio": ratio.as_dict()}
    metrics |= {"leakage": Leakage(4, 2, 0, 0, None, None, ()).as_dict()}
    champion = ChampionComparison("none", "there is none").as_dict() | {
        "best": BestChampion("none", "none", 28).as_dict()
    }
    return {"metrics.json": metrics, "champion.json": champion}


def read(folder: Path, changed: dict[str, dict[str, Any]]) -> str:
    """Return the error of reading these documents."""
    lake = Lake(folder)
    with lake.attempt("candidates", DAY) as out:
        write_json(out / "training.json", {"days": ["2026-02-28"], "importances": {}})
    with lake.attempt("evaluations", DAY) as out:
        for name, content in changed.items():
            write_json(out / name, content)
    with pytest.raises(LeaplineError) as error:
        model_record.read(lake, DAY)
    return str(error.value)


@pytest.mark.parametrize(
    "key", ["visitors", "effective_positives", "effective_negatives", "members", "best", "moments", "calibration_ratio"]
)
def test_evaluation_of_an_earlier_version_is_named(tmp_path: Path, key: str) -> None:
    complete = documents()
    assert "features.json" in read(tmp_path, complete), "the evidence is complete; the candidate's files are not"
    for content in (complete["metrics.json"], complete["champion.json"], *complete["metrics.json"]["slices"]):
        content.pop(key, None)
    error = read(tmp_path, complete)
    assert "candidate and evaluation of 2026-03-01" in error
    assert f"files of an earlier version, without '{key}'" in error
    assert "leapline evaluate --date 2026-03-01" in error
