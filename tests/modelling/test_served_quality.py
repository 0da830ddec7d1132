"""Faults that whole sessions do not show: wrong while sessions are in progress, too high forecasts, random items.

Each planted model passes every rule about whole sessions.
"""

import numpy as np
import pandas as pd
import pytest

from leapline.evaluation.bootstrap import Array
from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.item_choices import ItemChoices
from leapline.evaluation.item_rules import ItemEvidence
from leapline.evaluation.metrics import Bootstrap, Metrics, measure
from leapline.evaluation.served_rules import ServedEvidence
from leapline.evaluation.session_progress import Progress
from leapline.evaluation.verdict import Evidence, Limits, decide
from leapline.features import spec as specs
from leapline.modelling.item_model import measure_items, since_view
from leapline.modelling.served_quality import measure_served
from leapline.settings import Settings

SETTINGS = Settings(bootstrap_resamples=200)
SESSIONS = 6000


@pytest.fixture(scope="module")
def examples() -> pd.DataFrame:
    """Whole sessions and a beginning of each, with the true probabilities as scores, and a baseline that is weaker."""
    rng = np.random.default_rng(3)
    visitor = np.arange(SESSIONS) // 2
    intent = 0.6 * rng.normal(size=SESSIONS)[visitor] + 0.8 * rng.normal(size=SESSIONS)
    events = rng.integers(5, 40, size=SESSIONS)
    whole_chance = 1 / (1 + np.exp(5.2 - 2.8 * intent))
    label = (rng.random(SESSIONS) < whole_chance).astype(int)
    # Early in the session, intent is hardly visible: the true probability given a noisy view of it.
    early_view = 0.5 * intent + 0.87 * rng.normal(size=SESSIONS)
    early_chance = calibrated(early_view, label)
    whole = pd.DataFrame({"cut": events, "whole": True, "score": whole_chance, "baseline": blurred(whole_chance, rng)})
    early = pd.DataFrame(
        {
            "cut": rng.integers(1, 5, size=SESSIONS),
            "whole": False,
            "score": early_chance,
            "baseline": blurred(early_chance, rng),
        }
    )
    both = [part.assign(session=np.arange(SESSIONS), visitor=visitor, label=label) for part in (whole, early)]
    return pd.concat(both, ignore_index=True)


def calibrated(view: Array, labels: Array) -> Array:
    """Return the share of buyers among rows with a similar view."""
    groups = np.array_split(np.argsort(view, kind="stable"), 30)
    chance = np.empty(len(view))
    for group in groups:
        chance[group] = (labels[group].sum() + 0.5) / (len(group) + 10)
    return chance + 1e-6 * view


def blurred(chance: Array, rng: np.random.Generator) -> Array:
    return 1 / (1 + np.exp(-np.log(chance / (1 - chance)) - 0.8 * rng.normal(size=len(chance))))


def failed(examples: pd.DataFrame, with_served_rules: bool = True) -> list[str]:
    """Return the names of the rules that fail, with all rules or with those about whole sessions only."""
    whole = examples[examples["whole"]]
    measured = measure(
        whole["label"].to_numpy(float),
        whole["score"].to_numpy(float),
        None,
        Bootstrap(whole["visitor"].to_numpy(), 200),
    )
    facts = measure_served(SETTINGS, examples, None)
    served = ServedEvidence(
        [Progress.from_dict(row) for row in facts["moments"]], CalibrationRatio.from_dict(facts["calibration_ratio"])
    )
    evidence = Evidence(measured, ["2026-03-01"], 51, served=served if with_served_rules else None)
    return [rule.name for rule in decide(evidence, Limits(roc_auc=0.85)).rules if not rule.passed]


def test_good_model_passes(examples: pd.DataFrame) -> None:
    assert failed(examples) == []


def test_forecasts_that_are_half_again_too_high_are_refused(examples: pd.DataFrame) -> None:
    """The calibration error, an absolute number, accepts them."""
    high = examples.assign(score=np.minimum(1.48 * examples["score"], 1))
    assert failed(high, with_served_rules=False) == []
    assert failed(high) == ["calibration_ratio"]


def test_ratios_are_those_of_calibrated_probabilities(examples: pd.DataFrame) -> None:
    odds = 10 * examples["score"] / (1 - examples["score"])
    weighted, calibration = examples.assign(score=odds / (1 + odds)), {"kind": "odds", "factor": 0.1}
    ratio = measure_served(SETTINGS, examples, None)["calibration_ratio"]["ratio"]
    assert measure_served(SETTINGS, weighted, calibration)["calibration_ratio"]["ratio"] == pytest.approx(ratio)
    assert measure_served(SETTINGS, weighted, None)["calibration_ratio"]["ratio"] > 2
    scored = pairs()
    odds = 10 * scored["score"] / (1 - scored["score"])
    items = measure_items(SETTINGS, scored.assign(score=odds / (1 + odds)), calibration, None)
    plain = measure_items(SETTINGS, scored, None, None)
    assert items["calibration_ratio"]["ratio"] == pytest.approx(plain["calibration_ratio"]["ratio"])


def test_model_that_is_random_early_in_sessions_is_refused(examples: pd.DataFrame) -> None:
    guess = np.random.default_rng(4).permutation(examples["score"])
    early = examples.assign(score=np.where(examples["cut"] < 5, guess, examples["score"]))
    assert failed(early, with_served_rules=False) == []
    assert failed(early) == ["progress 1 to 4", "progress_roc_auc"]


def pairs() -> pd.DataFrame:
    """Return scored pairs of sessions with two to five items, a fifth of which buy one."""
    rng = np.random.default_rng(5)
    sizes = rng.integers(2, 6, size=600)
    session = np.repeat(np.arange(600), sizes)
    first = np.cumsum(sizes) - sizes
    bought = first + np.where(rng.random(600) < 0.2, (rng.random(600) * sizes).astype(int), -100_000)
    label = np.isin(np.arange(len(session)), bought).astype(int)
    chance = calibrated(rng.normal(size=len(session)) + 3.0 * label, label)
    seconds = rng.integers(0, 300, size=len(session)).astype(float)
    columns = {"session": session, "visitor": session // 2, "label": label, "since_view_s": seconds}
    return pd.DataFrame(columns | {"item": np.arange(len(session)), "score": chance})


def item_failures(scored: pd.DataFrame) -> list[str]:
    content = measure_items(SETTINGS, scored, None, "since_view_s")
    items = ItemEvidence(
        Metrics.from_dict(content),
        CalibrationRatio.from_dict(content["calibration_ratio"]),
        ItemChoices.from_dict(content["choices"]),
    )
    evidence = ServedEvidence([], CalibrationRatio(0.05, 0.05, 1.0, (0.9, 1.1)), items)
    verdict = decide(Evidence(items.metrics, ["2026-03-01"], served=evidence), Limits(roc_auc=0.5))
    return [rule.name for rule in verdict.rules if rule.name.startswith("item") and not rule.passed]


def test_random_item_model_is_refused() -> None:
    scored = pairs()
    assert item_failures(scored) == []
    guess = np.random.default_rng(6).permutation(scored["score"])
    assert item_failures(scored.assign(score=guess)) == ["item_roc_auc", "item_log_loss", "item_choice"]
    assert item_failures(scored.assign(score=scored["score"] / 2)) == ["item_calibration_ratio"]
    assert item_failures(scored.assign(score=scored["label"].mean())) == [
        "item_roc_auc", "item_log_loss", "item_distinct_scores", "item_choice"
    ]  # fmt: skip


def test_time_since_the_last_view_is_a_feature_of_the_pairs_item() -> None:
    default = specs.default(specs.DEFAULT_ITEMS)
    assert since_view(default) == "since_view_s"
    others = tuple(feature for feature in default.features if feature.name != "since_view_s")
    assert since_view(default.model_copy(update={"features": others})) is None
