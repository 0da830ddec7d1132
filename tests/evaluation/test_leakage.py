"""Leaks of several kinds are refused with the name of the suspect, and honest features are not."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leapline.evaluation import leakage
from leapline.evaluation.document import to_markdown
from leapline.evaluation.leakage import Leakage
from leapline.evaluation.leakage_rules import LeakageLimits, leakage_blocks, leakage_rules
from leapline.evaluation.rules import Rule

SESSIONS = 4000
RULES = ["feature_roc_auc", "feature_certainty", "feature_persistence"]
Values = np.ndarray[Any, np.dtype[Any]]


def holdout(
    leaks: Mapping[str, tuple[Any, Any]] | None = None, *, prevalence: float = -4.4, seed: int = 1
) -> pd.DataFrame:
    """Return a session and a prefix for each of `SESSIONS` visitors, whose two honest features build up.

    Args:
        leaks: feature -> function of labels and generator, for whole sessions and for prefixes.
        prevalence: log-odds of a purchase at average intent.
        seed: of everything.
    """
    rng = np.random.default_rng(seed)
    intent = rng.normal(size=SESSIONS)
    labels = (rng.random(SESSIONS) < 1 / (1 + np.exp(-prevalence - 2.2 * intent))).astype(int)
    views = rng.poisson(np.exp(1.2 + 0.8 * intent))
    share = rng.random(SESSIONS)
    at = {"session": [f"s{i:04d}" for i in range(SESSIONS)], "visitor": [f"v{i:04d}" for i in range(SESSIONS)]}
    parts = []
    for whole in (True, False):
        seen = views if whole else rng.binomial(views, share)
        values = {name: make[0 if whole else 1](labels, rng) for name, make in (leaks or {}).items()}
        parts.append(pd.DataFrame({**at, "whole": whole, "label": labels, "views": seen.astype(float), **values}))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(score=1 / (1 + np.exp(-table["views"].to_numpy())), device="Mobile")


def measured(table: pd.DataFrame, **options: Any) -> Leakage:
    features = [name for name in table if name not in ("session", "visitor", "whole", "label", "score")]
    return leakage.measure(table, features, **{"min_visitors": 20, "seed": 1} | options)


def failed(table: pd.DataFrame, limits: LeakageLimits | None = None) -> dict[str, str]:
    return {
        rule.name: rule.why for rule in leakage_rules(measured(table), limits or LeakageLimits()) if not rule.passed
    }


def nothing(labels: Values, rng: np.random.Generator) -> Values:
    return np.zeros(len(labels))


def copy(labels: Values, rng: np.random.Generator) -> Values:
    return labels.astype(float)


def part_of_buyers(labels: Values, rng: np.random.Generator) -> Values:
    return ((rng.random(len(labels)) < 0.3) & (labels == 1)).astype(float)


def noise(labels: Values, rng: np.random.Generator) -> Values:
    return rng.integers(0, 4, len(labels)).astype(float)


def noise_and_page(labels: Values, rng: np.random.Generator) -> Values:
    return np.minimum(noise(labels, rng) + labels * 2, 3.0)


def seconds(labels: Values, rng: np.random.Generator) -> Values:
    return rng.exponential(10, len(labels))


def seconds_and_checkout(labels: Values, rng: np.random.Generator) -> Values:
    return seconds(labels, rng) + labels * (60 + rng.exponential(60, len(labels)))


@pytest.mark.parametrize("seed", range(4))
def test_honest_features_pass(seed: int) -> None:
    rules = leakage_rules(measured(holdout(seed=seed)), LeakageLimits())
    assert [rule.name for rule in rules] == RULES
    assert all(rule.passed for rule in rules), rules


@pytest.mark.parametrize(
    ("whole", "prefix", "rules"),
    [
        (copy, copy, ["feature_roc_auc", "feature_certainty"]),
        (copy, nothing, RULES),
        (part_of_buyers, nothing, ["feature_certainty"]),
        (noise_and_page, noise, ["feature_persistence"]),
        (seconds_and_checkout, seconds, RULES),
    ],
)
def test_leak_is_refused_and_named(whole: Any, prefix: Any, rules: list[str]) -> None:
    reasons = failed(holdout({"suspect": (whole, prefix)}))
    assert list(reasons) == rules
    assert all("suspect" in why and "leaks the label" in why for why in reasons.values())


def test_reason_states_how_many_buyers_have_the_sign_and_since_when() -> None:
    table = holdout({"n_thanks": (part_of_buyers, nothing)})
    [row] = [f for f in measured(table).features if f.name == "n_thanks"]
    buyers = int(table.loc[table["whole"], "label"].sum())
    assert (row.sign, row.sign_sessions, row.sign_in_prefixes) == ("at least 1", row.sign_buyers, 0.0)
    why = failed(table)["feature_certainty"]
    assert f"n_thanks at least 1 ({row.sign_buyers} of {row.sign_buyers} sessions buy)" in why
    assert f"{row.sign_buyers / buyers * 100:.1f} % of the buyers, 0.0 % of whose prefixes have it" in why


def test_unknown_page_is_explained_although_no_feature_counts_it() -> None:
    table = holdout()
    letters = np.where(table["whole"] & (table["label"] == 1), "aabff", "aab")
    counted, names = leakage.with_state_counts(table.assign(states=letters), "states", list("mnopqr"))
    assert names == [f"events: {name}" for name in "mnopqr"]
    assert counted["events: r"].max() == 2
    renamed = counted.rename(columns={"events: r": "events: other_page"})
    assert "pages that the event mapping does not know" in failed(renamed)["feature_certainty"]


def test_category_is_named_if_enough_visitors_have_it() -> None:
    def category(labels: Values, rng: np.random.Generator) -> Values:
        return np.where(part_of_buyers(labels, rng) == 1, "gift-wrap", rng.choice(["a", "b"], len(labels)))

    table = holdout({"last_category": (category, category)})
    assert "last_category exactly 'gift-wrap'" in failed(table)["feature_certainty"]
    rare = leakage_rules(measured(table, min_visitors=SESSIONS), LeakageLimits())[1]
    assert not rare.passed
    assert "gift-wrap" not in rare.why
    assert "a value of few visitors" in rare.why


def test_few_buyers_prove_nothing() -> None:
    table = holdout({"suspect": (copy, copy)})
    labels = table["label"].to_numpy()
    buyers = np.flatnonzero(labels == 1)
    assert failed(table.drop(index=buyers[10:][table["whole"].to_numpy()[buyers[10:]]])).keys() == {"feature_roc_auc"}


def test_missing_numbers_are_a_value_of_their_own() -> None:
    def missing(labels: Values, rng: np.random.Generator) -> Values:
        return np.where(labels == 1, np.nan, rng.normal(size=len(labels)))

    assert "suspect missing" in failed(holdout({"suspect": (missing, missing)}))["feature_certainty"]


def test_frequent_purchases_raise_the_limit_of_certainty() -> None:
    limits = [leakage_rules(measured(holdout(prevalence=p)), LeakageLimits())[1] for p in (-4.4, 0.0)]
    assert limits[0].limit == "below 0.8"
    assert float(limits[1].limit.removeprefix("below ")) > 0.95
    assert all(rule.passed for rule in limits)


def test_persistence_needs_prefixes_and_the_others_need_both_classes() -> None:
    whole = holdout({"suspect": (copy, nothing)}).query("whole")
    assert list(failed(whole)) == RULES[:2]
    assert "not available" in failed(whole.assign(label=0))["feature_roc_auc"]
    assert leakage_rules(None, LeakageLimits()) == []


def test_limits_are_configurable() -> None:
    table = holdout({"suspect": (copy, nothing)})
    assert failed(table, LeakageLimits(roc_auc=1.01, certainty=1.0, persistence=0.0)) == {}
    partial = holdout({"suspect": (part_of_buyers, nothing)})
    assert failed(partial, LeakageLimits(certainty=0.99)) == {}
    assert list(failed(holdout(), LeakageLimits(roc_auc=0.7, persistence=1.0))) == [RULES[0], RULES[2]]


def test_large_holdouts_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    table = holdout()
    monkeypatch.setattr(leakage, "MAX_SESSIONS", 1000)
    sampled = measured(table)
    assert (sampled.sessions, sampled.prefixes) == (1000, 1000)
    assert measured(table) == sampled
    assert measured(pd.concat(leakage.sampled(table, 1))) == sampled, "a sample is its own sample"


def test_measurements_survive_json_and_are_in_the_card() -> None:
    result = measured(holdout({"suspect": (copy, copy)}))
    assert Leakage.from_dict(json.loads(json.dumps(result.as_dict()))) == result
    text = to_markdown(leakage_blocks(result))
    assert "| `suspect` | 1.000 | 1.000 | at least 1 |" in text
    assert leakage_blocks(None) == []


def test_suspects_besides_the_first_are_listed() -> None:
    table = holdout(dict.fromkeys(("s1", "s2", "s3", "s4", "s5"), (copy, copy)))
    rules: list[Rule] = leakage_rules(measured(table), LeakageLimits())
    assert "also s2, s3, s4 and 1 more" in rules[0].why
