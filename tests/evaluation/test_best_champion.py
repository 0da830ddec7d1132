"""Which of the recent champions was the best, from what was recorded about each."""

from leapline.evaluation.best_champion import BestChampion, Judged, ranked

WIDE, NARROW = 0.02, 0.004


def judged(model_id: str, roc_auc: float, **differences: float) -> Judged:
    """Return a model with its own ROC AUC, which is uncertain, and precise differences from others."""
    others = {other: (value, (value - NARROW, value + NARROW)) for other, value in differences.items()}
    return Judged(model_id, roc_auc, (roc_auc - WIDE, roc_auc + WIDE), others)


def test_higher_value_is_better_without_a_comparison() -> None:
    assert ranked([judged("a", 0.91), judged("b", 0.92), judged("c", 0.90)]) == ["b", "a", "c"]


def test_slow_decline_is_seen_although_days_differ() -> None:
    """Each model loses 0.005 on the sessions of its day, while the days happen to become easier."""
    models = [judged("a", 0.90), judged("b", 0.905, a=-0.005), judged("c", 0.91, b=-0.005), judged("d", 0.91, c=-0.005)]
    assert ranked(models) == ["a", "b", "c", "d"]


def test_equal_models_are_newest_first_and_unknown_others_are_ignored() -> None:
    assert ranked([judged("a", 0.9), judged("b", 0.9)]) == ["b", "a"]
    assert ranked([judged("a", 0.9, elsewhere=0.3)]) == ["a"]
    assert ranked([]) == []


def test_models_with_equal_scores_have_a_difference_without_width() -> None:
    same = Judged("b", 0.93, (0.91, 0.95), {"a": (0.0, (0.0, 0.0))})
    assert ranked([judged("a", 0.91), same, judged("c", 0.915)]) == ["b", "a", "c"]


def test_text_names_state_and_what_was_left_out() -> None:
    assert BestChampion("off", "LEAPLINE_BEST_CHAMPION_DAYS is 0", 0).text == "off, LEAPLINE_BEST_CHAMPION_DAYS is 0"
    left_out = BestChampion("none", "nothing is left", 28, skipped=("m (gone)",))
    assert left_out.text == "none, nothing is left; not compared: m (gone)"
