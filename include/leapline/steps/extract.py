"""The day's Snowplow events, cleaned, into the lake; and those days of the training window that are not there yet."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import NoEventsError, QuarantineError
from leapline.modelling.days import training_window
from leapline.modelling.example_config import ExampleConfig
from leapline.runtime.context import RunContext
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import Lake, write_json

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAYS_AT_ONCE: Final = 2
"""So that one day's plans are made and its stages' last tasks run out while another's lines are read."""


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Clean the data day, and any earlier day of the window that was never extracted.

    Raises:
        InputError: the landing folder or a file in it cannot be read.
        NoEventsError: no events on the data day. An earlier day without events is only noted.
        QuarantineError: more lines than allowed had to be set aside.
        SpecError: the site's own mapping or feature spec is malformed; told before anything starts.
    """
    refuse_malformed(settings, context.day)
    lake = Lake(settings.home)
    missing = [day for day in training_window(settings, context.day) if not lake.has("events", day)]
    with spark_session(settings, "extract") as spark, ThreadPoolExecutor(DAYS_AT_ONCE) as pool:

        def extract(day: date) -> dict[str, Any]:
            # A session of its own, as a day's work changes settings of the session that it runs in.
            return extract_day(spark.newSession(), settings, lake, day)

        begun = {day: pool.submit(extract, day) for day in [*missing, context.day]}
        try:
            return {day.isoformat(): _found(work, noted=day != context.day) for day, work in begun.items()}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _found(work: "Future[dict[str, Any]]", noted: bool) -> dict[str, Any]:
    try:
        return work.result()
    except NoEventsError as exc:
        if noted:
            return {"events": 0, "note": str(exc)}
        raise


def refuse_malformed(settings: Settings, day: date) -> None:
    """Read what the site wrote itself, the event mapping and the feature specs, though later steps use some of it; and
    see that something has landed."""
    from leapline.events.clean import CleanOptions, landed

    options = CleanOptions.of(settings)
    ExampleConfig.of(settings)
    landed(settings.landing_dir, day, options)


def extract_day(spark: "SparkSession", settings: Settings, lake: Lake, day: date) -> dict[str, Any]:
    """Clean one day and swap events and quarantine in; gives the balance of its lines."""
    from leapline.events.clean import CleanOptions, clean_landing, release, write_day
    from leapline.quality.profile import profile

    clean = clean_landing(spark, settings.landing_dir, day, CleanOptions.of(settings))
    try:
        with lake.attempt("quarantine", day) as quarantine, lake.attempt("events", day) as events:
            write_day(clean, events / "events", quarantine / "lines")
            write_json(quarantine / "counts.json", clean.counts)
            write_json(events / "counts.json", clean.counts)
            written = spark.read.parquet(str(events / "events"))
            write_json(events / "profile.json", profile(written, clean.counts))
    finally:
        release(clean)
    _refuse_too_many(settings, clean.counts)
    return clean.counts


def _refuse_too_many(settings: Settings, counts: dict[str, Any]) -> None:
    """After the swap, so that the operator finds the lines in the quarantine."""
    share = counts["quarantined_share"]
    if share > settings.max_quarantine_share:
        reasons = ", ".join(f"{n} {why}" for why, n in counts["quarantined"].items() if n)
        raise QuarantineError(
            f"lines of {counts['day']}",
            found=f"{share:.1%} set aside ({reasons})",
            expected=f"at most {settings.max_quarantine_share:.1%}",
            fix=f"Look at quarantine/date={counts['day']}, mend the source, or raise LEAPLINE_MAX_QUARANTINE_SHARE.",
        )


if __name__ == "__main__":
    main("extract", run)
