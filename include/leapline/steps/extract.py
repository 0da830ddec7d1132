"""Clean the data day's Snowplow events into the lake, and the days of the training window that are still missing."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import NoEventsError, QuarantineError
from leapline.modelling.days import training_window
from leapline.modelling.example_config import ExampleConfig
from leapline.runtime.context import RunContext
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.sources.factory import source_from
from leapline.storage import Lake, lake_of, write_json

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAYS_AT_ONCE: Final = 2
"""One day's planning and last tasks overlap with the reading of another."""


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Clean the data day, and each earlier day of the training window that was never extracted.

    Raises:
        InputError: the event source or a part of it cannot be read.
        NoEventsError: no events on the data day. An earlier day without events only gets a note.
        QuarantineError: more lines than allowed were quarantined.
        SpecError: the site's mapping or feature spec is malformed; raised before Spark starts.
    """
    require_valid_input(settings, context.day)
    lake = lake_of(settings)
    missing = [day for day in training_window(settings, context.day) if not lake.has("events", day)]
    with spark_session(settings, "extract") as spark, ThreadPoolExecutor(DAYS_AT_ONCE) as pool:

        def extract(day: date) -> dict[str, Any]:
            if day != context.day:
                _require_prompt_landing(settings, day)
            # One session per day, because cleaning changes settings of its session.
            return extract_day(spark.newSession(), settings, lake, day)

        futures = {day: pool.submit(extract, day) for day in [*missing, context.day]}
        try:
            return {day.isoformat(): _result(future, optional=day != context.day) for day, future in futures.items()}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _result(future: "Future[dict[str, Any]]", optional: bool) -> dict[str, Any]:
    try:
        return future.result()
    except NoEventsError as exc:
        if optional:
            return {"events": 0, "note": str(exc)}
        raise


def require_valid_input(settings: Settings, day: date) -> None:
    """Read the site's event mapping and feature specs, including those of later steps, and list the day's input."""
    from leapline.events.clean import CleanOptions

    options = CleanOptions.of(settings)
    ExampleConfig.of(settings)
    source_from(settings).list_day(options.window(day))


def _require_prompt_landing(settings: Settings, day: date) -> None:
    """Raise NoEventsError if nothing landed on an earlier day or the day after it: late events alone are no day to
    train on, and finding them would mean reading the files of the following days."""
    from leapline.events.clean import CleanOptions

    options = CleanOptions.of(settings)
    source_from(settings).list_day(replace(options, days_late=min(options.days_late, 1)).window(day))


def extract_day(spark: "SparkSession", settings: Settings, lake: Lake, day: date) -> dict[str, Any]:
    """Clean one day and commit events and quarantine.

    Returns:
        The reconciled counts of its lines.
    """
    from leapline.events.clean import CleanOptions, cleaned_day, write_day
    from leapline.events.file_counts import require_usable_files
    from leapline.quality.profile import profile

    with (
        cleaned_day(spark, source_from(settings), day, CleanOptions.of(settings)) as clean,
        lake.attempt("quarantine", day) as quarantine,
        lake.attempt("events", day) as events,
    ):
        write_day(clean, lake.address(events, "events"), lake.address(quarantine, "lines"))
        write_json(quarantine / "counts.json", clean.counts)
        write_json(events / "counts.json", clean.counts)
        write_json(events / "files.json", clean.files)
        events_frame = spark.read.parquet(lake.address(events, "events"))
        write_json(events / "profile.json", profile(events_frame, clean.counts, settings.max_sessions_per_visitor))
    _require_few_quarantined(settings, clean.counts)
    if settings.unusable_files == "fail":
        require_usable_files(clean.counts["day"], clean.counts["unusable"])
    return clean.counts


def _require_few_quarantined(settings: Settings, counts: dict[str, Any]) -> None:
    """Raise QuarantineError; called after the commit, so that the operator finds the lines in the quarantine."""
    share = counts["quarantined_share"]
    if share > settings.max_quarantine_share:
        reasons = ", ".join(f"{n} {why}" for why, n in counts["quarantined"].items() if n)
        raise QuarantineError(
            f"lines of {counts['day']}",
            found=f"{share:.1%} quarantined ({reasons})",
            expected=f"at most {settings.max_quarantine_share:.1%}",
            fix=f"Look at quarantine/date={counts['day']}, fix the source, or raise LEAPLINE_MAX_QUARANTINE_SHARE.",
        )


if __name__ == "__main__":
    main("extract", run)
