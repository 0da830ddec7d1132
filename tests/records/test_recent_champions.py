"""The champions of the last days, from ledger and records, best one first."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from leapline.promotion.ledger import Entry
from leapline.records import binding
from leapline.records.recent_champions import recent_champions
from leapline.storage import Lake, write_json
from tests.lakes import current_of

DAY = date(2026, 3, 31)
A, B, C = (f"2026-03-{day}-{'abc'[n] * 12}" for n, day in enumerate((10, 20, 29)))


def move(model_id: str, when: str, action: str = "promote", before: str | None = None) -> Entry:
    return Entry(f"2026-{when}T04:00:00+00:00", "a", "b", when, action, "champion", model_id, before, digest(model_id))


def digest(model_id: str) -> str:
    return f"sha256:{model_id[-1]}"


def record(lake: Lake, model_id: str, roc_auc: float | None, champion: dict[str, Any] | None = None) -> None:
    """Write the record of a published model, as far as the ranking reads it."""
    interval = roc_auc and (roc_auc - 0.02, roc_auc + 0.02)
    with lake.attempt("models", model_id) as out:
        write_json(out / "publication.json", {"digest": digest(model_id)})
        write_json(out / "manifest.json", {"training_days": ["2026-03-01"]})
        write_json(out / "metrics.json", {"roc_auc": roc_auc, "roc_auc_interval": interval})
        write_json(out / "champion.json", {"model_id": None, "comparison": None} | (champion or {}))
        binding.seal(lake, out, {})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path)
    for model_id, roc_auc in ((A, 0.92), (B, 0.93), (C, 0.91)):
        record(lake, model_id, roc_auc)
    return lake


ENTRIES = [move(A, "03-11"), move(B, "03-21", before=digest(A)), move(C, "03-30", before=digest(B))]


def best_first(lake: Lake, entries: list[Entry] | None = None, days: int = 28, day: date = DAY) -> list[str]:
    return list(recent_champions(lake, ENTRIES if entries is None else entries, day, days).best_first)


def test_champions_are_ranked_by_their_records(lake: Lake) -> None:
    recent = recent_champions(lake, ENTRIES, DAY, 28)
    assert recent.best_first == {B: digest(B), A: digest(A), C: digest(C)}
    assert recent.skipped == []
    assert best_first(lake, []) == []


def test_recorded_difference_decides_before_the_value_of_another_day(lake: Lake) -> None:
    compared = {"difference": -0.01, "interval": [-0.012, -0.008]}
    record(lake, C, 0.95, {"model_id": B, "comparison": compared})
    assert best_first(lake).index(B) < best_first(lake).index(C)
    record(lake, C, 0.95, {"best": {"model_id": B, "comparison": compared}})
    assert best_first(lake).index(B) < best_first(lake).index(C), "the comparison with the best one counts too"


def test_model_counts_as_long_as_it_has_served_within_the_days(lake: Lake) -> None:
    """A served until the 21st, B until the 30th, C serves."""
    assert best_first(lake, days=10) == [B, A, C]
    assert best_first(lake, days=9) == [B, C]
    assert best_first(lake, days=1) == [B, C]
    assert best_first(lake, ENTRIES[:1], days=1) == [A], "the champion counts, however old"


def test_models_of_the_data_day_or_later_do_not_count(lake: Lake) -> None:
    assert best_first(lake, day=date(2026, 3, 29)) == [B, A]


def test_model_that_was_rolled_back_does_not_count_until_it_is_promoted_again(lake: Lake) -> None:
    back = [*ENTRIES, move(A, "03-30", "rollback", before=digest(C))]
    assert best_first(lake, back) == [B, A]
    forward = [*back, move(C, "03-30", "rollback", before=digest(A))]
    assert best_first(lake, forward) == [B, A, C], "a rollback of a rollback"


def test_what_cannot_be_compared_is_named_and_the_next_one_is_best(lake: Lake) -> None:
    lake.remove("models", B)
    (current_of(lake, "models", A) / "metrics.json").write_text("{}")
    recent = recent_champions(lake, ENTRIES, DAY, 28)
    assert list(recent.best_first) == [C]
    assert [text.split(" (")[0] for text in recent.skipped] == [A, B]
    assert "changed since it was published" in recent.skipped[0]
    assert "is not in the lake" in recent.skipped[1]


def test_model_without_roc_auc_trained_on_the_day_or_retired_is_named(lake: Lake) -> None:
    record(lake, A, None)
    write_json(current_of(lake, "models", B) / "manifest.json", {"training_days": [DAY.isoformat()]})
    binding.seal(lake, current_of(lake, "models", B), {})
    lake.store.put("erasures/run.json", b'{"models": ["' + C.encode() + b'"], "retire_by": "2026-03-30"}')
    recent = recent_champions(lake, ENTRIES, DAY, 28)
    assert recent.best_first == {}
    words = ("no ROC AUC with an interval", "trained on 2026-03-31", "had to be replaced by 2026-03-30")
    for text, word in zip(recent.skipped, words, strict=True):
        assert word in text
