"""Numbers are formatted for people."""

import pytest

from leapline import formatting as f


def test_formats_counts_scores_shares_and_intervals() -> None:
    assert f.count(12000) == "12,000"
    assert f.score(0.91449) == "0.914"
    assert f.change(0.0124) == "+0.012"
    assert f.change(-0.00001) == "-0.000" or f.change(-0.00001) == "+0.000"
    assert f.percent(0.0831782) == "8.3 %"
    assert f.interval((0.89, 0.93)) == "0.890 to 0.930"
    assert f.interval(None) == ""


def test_missing_numbers_are_a_dash() -> None:
    assert f.count(None) == f.score(None) == f.change(None) == f.percent(None) == "-"


@pytest.mark.parametrize(
    ("value", "text"), [(0.88, "0.88"), (30, "30"), (1200, "1,200"), (1e-9, "1e-09"), (0, "0"), (0.91449, "0.914")]
)
def test_number_has_no_trailing_zeros(value: float, text: str) -> None:
    assert f.number(value) == text


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [(0.87996, 0.88, "0.87996"), (0.8796, 0.8799, "0.8796"), (0.5, 0.88, "0.5"), (0.88, 0.88, "0.88")],
)
def test_number_next_to_a_limit_compares_like_the_value(value: float, limit: float, text: str) -> None:
    assert f.number_beside(value, limit) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 days"), (1, "1 day"), (1204, "1,204 days")])
def test_quantity_has_a_plural(number: int, text: str) -> None:
    assert f.quantity(number, "day") == text
