"""The files of an evaluation, written from given scores without Spark."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leapline.evaluation.best_champion import BestChampion
from leapline.evaluation.champion import ChampionComparison, comparison_from
from leapline.modelling.comparison import areas_of, compare_scores, compare_with_best, compare_with_champion, slices_of
from leapline.modelling.examples import visitor_numbers
from leapline.settings import Settings
from leapline.steps import evaluate
from leapline.storage import read_json

TRAINING = {"calibration": None, "importances": {"x": 0.7, "y": 0.3}}


def holdout(rows: int = 1200) -> pd.DataFrame:
    """Return scores of a candidate, of a champion that is nearly as good, and of a random baseline."""
    rng = np.random.default_rng(1)
    wish = rng.normal(size=rows)
    chance = 1 / (1 + np.exp(2.5 - 2 * wish))
    return pd.DataFrame(
        {
            "session": [f"s{i:04d}" for i in range(rows)],
            "visitor": [f"v{i // 2:04d}" for i in range(rows)],
            "start_ts": pd.Timestamp("2026-03-01") + pd.to_timedelta(np.arange(rows), unit="min"),
            "device": np.where(np.arange(rows) % 3, "Mobile", None),
            "new_visitor": np.arange(rows) % 2 == 0,
            "label": (rng.random(rows) < chance).astype(int),
            "x": wish,
            "y": 0.0,
            "score": chance,
            "champion": 1 / (1 + np.exp(2.5 - 2 * wish - 0.3 * rng.normal(size=rows))),
            "baseline": rng.random(rows),
        }
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, bootstrap_resamples=200, probe_rows=1000)


def test_compares_baseline_if_present(settings: Settings, tmp_path: Path) -> None:
    scored = holdout()
    evaluate.write_evaluation(settings, tmp_path, scored, TRAINING, "a day", {})
    result = comparison_from(read_json(tmp_path / "metrics.json")["baseline"])
    assert result is not None
    assert result.interval is not None
    assert result.other == pytest.approx(0.5, abs=0.06)
    assert result.interval[0] > 0.2
    evaluate.write_evaluation(settings, tmp_path, scored.drop(columns="baseline"), TRAINING, "a day", {})
    assert read_json(tmp_path / "metrics.json")["baseline"] is None


def test_scores_are_compared_on_the_same_resamples_as_one_by_one(settings: Settings) -> None:
    scored = holdout().assign(best_champion=np.nan)
    areas = areas_of(settings, scored)
    assert list(areas) == ["score", "champion", "baseline"], "without the column in which scores are missing"
    for other in ("champion", "baseline"):
        assert compare_scores(settings, scored, other, areas) == compare_scores(settings, scored, other)
    swapped = {**areas, "champion": areas["baseline"]}
    assert compare_scores(settings, scored, "champion", swapped) != compare_scores(settings, scored, "champion")
    assert compare_scores(settings, scored, "best_champion", areas) is None
    assert areas_of(settings, scored.assign(label=1)) == {}


def test_visitors_are_numbered_in_the_order_of_their_pseudonyms() -> None:
    visitors = ["c", "a", "b0", "b", "a"]
    numbers = visitor_numbers(pd.DataFrame({"visitor": visitors})).tolist()
    assert numbers == [3, 0, 2, 1, 0] == np.unique(np.array(visitors), return_inverse=True)[1].tolist()


def test_files_of_evaluation(settings: Settings, tmp_path: Path) -> None:
    evaluate.write_evaluation(settings, tmp_path, holdout(), TRAINING, "a day", {"largest_tree": 3})
    kept = pd.read_parquet(tmp_path / "scores.parquet")
    assert list(kept.columns) == [*evaluate.CONTEXT, "score", "champion", "baseline"]
    sample = read_json(tmp_path / "probe_rows.json")
    assert set(sample["rows"][0]) == {"x", "y"}, "the image gets features only"
    result = read_json(tmp_path / "metrics.json")
    slices = {(part["by"], part["value"]): part["examples"] for part in result["slices"]}
    assert slices["device", "unknown"] == 400
    assert slices["visitor", "new"] == slices["visitor", "returning"] == 600
    assert slices["hour", "00-05"] + slices["hour", "06-11"] + slices["hour", "12-17"] + slices["hour", "18-23"] == 1200
    assert result["largest_tree"] == 3


def test_digest_depends_on_rows_and_not_on_champion(settings: Settings, tmp_path: Path) -> None:
    digests = []
    for scored in (holdout(), holdout().assign(champion=0.5, best_champion=0.5), holdout().assign(x=1.0)):
        evaluate.write_evaluation(settings, tmp_path, scored, TRAINING, "a day", {})
        digests.append(read_json(tmp_path / "metrics.json")["digest"])
        assert set(read_json(tmp_path / "probe_rows.json")["rows"][0]) == {"x", "y"}
    assert digests[0] == digests[1] != digests[2]


def test_compares_best_champion_on_same_rows(settings: Settings) -> None:
    champion = ChampionComparison("compared", "scored", "sha256:aa", "m")
    best, scored = BestChampion("compared", "scored", 28, "sha256:bb", "b"), holdout()
    another = compare_with_best(settings, scored.assign(best_champion=scored["score"]), best, champion)
    assert another.comparison is not None
    assert (another.comparison.difference, another.model_id) == (0, "b")
    same = compare_with_best(settings, scored, replace(best, digest="sha256:aa"), champion)
    assert same.comparison == compare_with_champion(settings, scored, champion).comparison, "the champion is the best"
    alone = scored.drop(columns="champion").assign(best_champion=scored["champion"])
    same = compare_with_best(settings, alone, replace(best, digest="sha256:aa"), replace(champion, state="unknown"))
    assert same.comparison == compare_with_champion(settings, scored, champion).comparison
    assert compare_with_best(settings, scored, best, champion).state == "unknown", "without scores nothing is compared"
    off = BestChampion("off", "it is off", 0)
    assert compare_with_best(settings, scored, off, champion) is off


def test_slices_of_few_buyers_are_pooled(settings: Settings) -> None:
    scored = holdout().assign(device=["TV"] * 40 + ["Tablet"] * 40 + ["Mobile"] * 1120)
    alone = settings.model_copy(update={"min_visitors_per_value": 1})
    names = [part.name for part in slices_of(alone, scored, scored["score"].to_numpy()) if part.by == "device"]
    assert names == ["device Mobile", "device TV", "device Tablet", "device pooled (TV, Tablet)"]


def test_compares_champion_on_same_rows(settings: Settings) -> None:
    scored = ChampionComparison("compared", "scored", "sha256:aa", "m")
    result = compare_with_champion(settings, holdout(), scored)
    assert result.comparison is not None
    assert (result.digest, result.model_id) == ("sha256:aa", "m")
    assert abs(result.comparison.difference) < 0.05
    missing = compare_with_champion(settings, holdout().assign(champion=np.nan), scored)
    assert (missing.state, missing.digest) == ("unknown", "sha256:aa")
    none = ChampionComparison("none", "there is none")
    assert compare_with_champion(settings, holdout(), none) is none
