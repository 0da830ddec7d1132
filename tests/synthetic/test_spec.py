"""Generator settings: validation, and the effect of each rate."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leapline.errors import SettingsError
from leapline.synthetic import GeneratorReport, GeneratorSpec, generate

CLEAN = dict.fromkeys(("missing_ids", "bots", "clock_wrong", "duplicates", "conflicts", "late", "broken"), 0.0)


def generated(**values: object) -> tuple[GeneratorReport, dict[str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        report = generate(Path(folder), GeneratorSpec(**values))
        data = {str(p.relative_to(folder)): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}
        return report, data


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"days": 0}, r"generator setting days: found 0; expected greater than or equal to 1"),
        ({"broken": 1.5}, r"generator setting broken: found 1\.5; expected less than or equal to 1"),
        ({"start": "yesterday"}, r"generator setting start: found 'yesterday'"),
        ({"sessions": 3}, r"generator setting sessions: found no setting of that name; expected one of start, days"),
        ({"runs_per_day": 5}, r"generator setting runs_per_day: found 5; expected 1, 2, 3, 4"),
        ({"items": 5}, r"generator setting items"),
    ],
)
def test_error_names_the_invalid_setting(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        GeneratorSpec(**values)


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    sessions=st.integers(1, 60),
    items=st.integers(10, 50),
    categories=st.integers(1, 80),
    runs=st.sampled_from([1, 4, 24]),
)
def test_any_small_shop_is_reproducible(seed: int, sessions: int, items: int, categories: int, runs: int) -> None:
    spec = {"seed": seed, "sessions_per_day": sessions, "items": items, "categories": categories, "runs_per_day": runs}
    assert generated(days=2, **spec) == generated(days=2, **spec)


def test_no_anomalies_when_all_rates_are_zero() -> None:
    report, _ = generated(days=1, sessions_per_day=300, consent=1.0, **CLEAN)
    assert set(report.mishaps.values()) == {0}
    assert report.lines == report.events


@settings(max_examples=5, deadline=None)
@given(name=st.sampled_from(["duplicates", "conflicts", "late", "broken"]), rate=st.floats(0.01, 0.5))
def test_requested_rate_per_line_is_generated(name: str, rate: float) -> None:
    report, _ = generated(days=1, sessions_per_day=150, **{**CLEAN, name: rate})
    spread = 5 * (report.events * rate * (1 - rate)) ** 0.5
    assert abs(report.mishaps[name] - rate * report.events) < spread


@pytest.mark.parametrize(
    ("name", "rate", "counted"), [("missing_ids", 0.3, 0.3), ("bots", 0.1, 0.1), ("consent", 0.4, 0.6)]
)
def test_requested_rate_per_session_is_generated(name: str, rate: float, counted: float) -> None:
    report, _ = generated(days=1, sessions_per_day=400, **{**CLEAN, name: rate})
    rate = report.mishaps["no_consent" if name == "consent" else name] / report.sessions
    assert rate == pytest.approx(counted, abs=0.1)


def test_session_count_follows_the_weekly_pattern() -> None:
    report, _ = generated(days=7, sessions_per_day=300)
    assert report.sessions == pytest.approx(2100, rel=0.1)
