"""Landing times from paths: every layout, markers, impossible dates, and paths that are one level too deep."""

from datetime import UTC, datetime, timedelta

import pytest

from leapline.sources.landed.layout import (
    ImpossibleDateError,
    Span,
    compile_pattern,
    is_marker,
    landing_span,
    level_too_high,
)

MICRO = timedelta(microseconds=1)


def exact(*parts: int) -> Span:
    moment = datetime(2026, 3, *parts, tzinfo=UTC)
    return Span(moment, moment)


def whole(start: datetime, length: timedelta) -> Span:
    return Span(start, start + length - MICRO)


DAY = whole(datetime(2026, 3, 2, tzinfo=UTC), timedelta(days=1))
HOUR = whole(datetime(2026, 3, 2, 7, tzinfo=UTC), timedelta(hours=1))


@pytest.mark.parametrize(
    ("path", "span"),
    [
        ("run=2026-03-02-04-05-06/part-00000.gz", exact(2, 4, 5, 6)),
        ("2026-03-02-040506-e9f4.gz", exact(2, 4, 5, 6)),
        ("2026-03-02-040506.gz", exact(2, 4, 5, 6)),
        ("2026-03-02-49613548169053493378838656625866917741098839399456571394-4961.gz", DAY),
        ("2026-03-02.tsv.gz", DAY),
        ("2026-03-02", DAY),
        ("date=2026-03-02/part-0", DAY),
        ("dt=2026-03-02/hour=07/part-0", HOUR),
        ("2026-03-02/part-0", DAY),
        ("2026/03/02/part-0", DAY),
        ("2026/03/02/07/part-0", HOUR),
        ("year=2026/month=3/day=2/part-0", DAY),
        ("year=2026/month=03/day=02/hour=7/part-0", HOUR),
        ("date=2026-03-02/2026-03-02-040506-e9f4.gz", exact(2, 4, 5, 6)),
        ("date=2026-03-02/2026-03-03-000500-e9f4.gz", Span(DAY.start, exact(3, 0, 5).until)),
        ("notes.txt", None),
        ("enriched/run=2026-03-02-04-05-06/part-0", None),
        ("run=2026-03-02-04-05-06/output=good/part-0", None),
    ],
)
def test_landing_time_is_read_from_the_path(path: str, span: Span | None) -> None:
    assert landing_span(path) == span


@pytest.mark.parametrize(
    "path", ["run=2026-02-30-01-00-00/part-0", "2026-13-01-000000-x.gz", "2026-03-02-250000-x", "2026/02/30/part-0"]
)
def test_impossible_date_is_an_error(path: str) -> None:
    with pytest.raises(ImpossibleDateError):
        landing_span(path)


def test_site_pattern_is_tried_first() -> None:
    pattern = compile_pattern("events/**/{yyyy}{MM}{dd}_{HH}*.tsv")
    assert landing_span("events/shop/eu/20260302_07-a.tsv", pattern) == HOUR
    assert landing_span("date=2026-03-02/x", pattern) == DAY
    assert landing_span("events/20260302_07-a.csv", pattern) is None


@pytest.mark.parametrize("text", ["{yyyy}{MM}", "{yyyy}{MM}{dd}{dd}", "{yyyy}{MM}{day}", "*"])
def test_malformed_site_pattern_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"needs|unknown or repeated"):
        compile_pattern(text)


def test_folder_of_runs_is_derived_from_a_path_below_it() -> None:
    assert level_too_high("enriched/good/run=2026-03-02-04-05-06/part-0") == "enriched/good"
    assert level_too_high("good/date=2026-03-02/part-0") == "good"
    assert level_too_high("docs/notes.txt") is None


def test_markers_are_recognised() -> None:
    run = "run=2026-03-02-04-00-00"
    markers = [f"{run}/_SUCCESS", f"{run}/.part-0.crc", f"{run}_$folder$", "_truth/date=2026-03-02", "_source.json",
               f"{run}/_temporary/0/part-0", f"{run}/shredding_complete.json", f"{run}/part-0.tmp"]  # fmt: skip
    assert all(map(is_marker, markers))
    assert not any(map(is_marker, [f"{run}/part-0", "notes.txt", f"{run}/manifest.csv", "events.json"]))
