"""Clean the data day's Snowplow events into the lake, and the days of the training window that are still missing."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import NoEventsError, QuarantineError
from leapline.modelling.days import training_window
from leapline.modelling.example_config import ExampleConfig
from leapline.modelling.order_history import FOLDER as ORDERS
from leapline.modelling.order_history import days_to_extract_again, orders_before
from leapline.privacy.exclusions import excluded_visitors, unchanged_exclusions
from leapline.privacy.pseudonym_keys import former_key, is_current, note_key
from leapline.runtime.context import RunContext
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.sources.factory import source_from
from leapline.storage import Lake, lake_of, write_json
from leapline.storage.seal import write_data_seal
from leapline.storage.sweeping import sweep

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from leapline.sources.source import Listing

DAYS_AT_ONCE: Final = 2
"""One day's planning and last tasks overlap with the reading of another."""

SWEPT_DAYS: Final = 8
"""Days from which is removed what interrupted runs have left; the step `retain` looks at all."""

DaySummary = dict[str, Any]


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Clean the data day, and each earlier day of the training window that was never extracted, or was extracted under
    another pseudonym key.

    Returns:
        Day -> the counts of its lines. If later days in the lake count orders of that day too, also `later_days` and,
        as text, the `warning` to extract them again, after the source's own.

    Raises:
        InputError: the event source or a part of it cannot be read.
        SourceError: the database of the events cannot be used.
        NoEventsError: no events on the data day. An earlier day without events only gets a note.
        QuarantineError: more lines than allowed were quarantined.
        SpecError: the site's mapping or feature spec is malformed; raised before Spark starts.
    """
    listing = list_valid_input(settings, context.day)
    lake = lake_of(settings)
    missing = [day for day in training_window(settings, context.day) if _is_missing(settings, lake, day)]
    with spark_session(settings, "extract") as spark, ThreadPoolExecutor(DAYS_AT_ONCE) as pool:
        listing = listing or list_valid_input(settings, context.day, spark)

        def extract(day: date, earlier: Iterable["Future[DaySummary]"]) -> DaySummary:
            listed = listing if day == context.day else _list_prompt_landing(settings, day, spark)
            return extract_day(spark, settings, lake, day, listed, lambda: _wait_for(earlier))

        futures: dict[date, Future[DaySummary]] = {}
        for day in [*missing, context.day]:
            # The pool starts days in this order, so a day only ever waits for days that have started.
            futures[day] = pool.submit(extract, day, list(futures.values()))
        try:
            summaries = {day: _result(future, optional=day != context.day) for day, future in futures.items()}
            summaries |= {day: _former(counts) for day, counts in summaries.items() if _is_former(lake, day, counts)}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        sweep(lake.store, [context.day - timedelta(days=days) for days in range(SWEPT_DAYS)])
        return {
            day.isoformat(): _with_warnings(counts, _later_days(spark, settings, lake, day))
            for day, counts in summaries.items()
        }


def _is_missing(settings: Settings, lake: Lake, day: date) -> bool:
    """Return whether a day has to be extracted: days under several keys would split their visitors."""
    return not (lake.has("events", day) and is_current(settings, lake, day))


def _is_former(lake: Lake, day: date, counts: DaySummary) -> bool:
    """Return whether a day was not extracted again, because the source no longer has it, but is in the lake."""
    return "note" in counts and lake.has("events", day)


def _former(counts: DaySummary) -> DaySummary:
    text = "Its events in the lake are under another pseudonym key, so it is not trained on."
    return counts | {"note": f"{counts['note']} {text}"}


def _with_warnings(counts: DaySummary, later: dict[str, Any]) -> DaySummary:
    """Combine the summary of a day with what `_later_days` reports, both warnings in one text."""
    warnings = [summary["warning"] for summary in (counts, later) if "warning" in summary]
    return counts | later | ({"warning": " ".join(warnings)} if warnings else {})


def _wait_for(days: Iterable["Future[DaySummary]"]) -> None:
    """Wait until earlier days are committed; a day without events has no orders, any other failure is raised here too:
    without the orders of the failed day, the result would differ from that of the next attempt."""
    for future in days:
        with suppress(NoEventsError):
            future.result()


def _result(future: "Future[DaySummary]", optional: bool) -> DaySummary:
    try:
        return future.result()
    except NoEventsError as exc:
        if optional:
            return {"events": 0, "note": str(exc)}
        raise


def _later_days(spark: "SparkSession", settings: Settings, lake: Lake, day: date) -> dict[str, Any]:
    """Return the later days whose orders no longer fit those of an extracted day; nothing if there are none."""
    later = [d.isoformat() for d in days_to_extract_again(spark, lake, day, settings.repeated_order_days)]
    if not later:
        return {}
    days = ", ".join(later)
    warning = (
        f"Orders of {day} are counted twice or not at all on {days}: run `leapline extract --date` for each of them"
    )
    return {"later_days": later, "warning": warning + (", oldest first." if len(later) > 1 else ".")}


def list_valid_input(settings: Settings, day: date, spark: "SparkSession | None" = None) -> "Listing | None":
    """Read the site's event mapping and feature specs, including those of later steps, and list the day's input.

    Returns:
        The listing; None for a table that Spark has to list, if there is no session yet.
    """
    from leapline.events.clean import CleanOptions
    from leapline.sources.lake.source import LakeTable

    options = CleanOptions.of(settings)
    ExampleConfig.of(settings)
    source = source_from(settings, options.reads, spark)
    if isinstance(source, LakeTable) and spark is None:
        source.require_table()
        return None
    return source.list_day(options.window(day))


def _list_prompt_landing(settings: Settings, day: date, spark: "SparkSession") -> "Listing":
    """List an earlier day's input; raise NoEventsError if nothing landed on that day or the day after it: late events
    alone are no day to train on, and finding them would mean reading the files of the following days."""
    from leapline.events.clean import CleanOptions

    options = CleanOptions.of(settings)
    return source_from(settings, options.reads, spark).list_day(replace(options.window(day), first_within=1))


def extract_day(
    spark: "SparkSession",
    settings: Settings,
    lake: Lake,
    day: date,
    listing: "Listing | None" = None,
    wait_for_earlier_days: Callable[[], object] = lambda: None,
) -> DaySummary:
    """Clean one day and commit events, orders and quarantine.

    Args:
        spark: a session.
        settings: the installation's settings.
        lake: where the day is committed, and the orders of earlier days are read.
        day: the data day.
        listing: the source's listing of the day; None to list it now.
        wait_for_earlier_days: called before the orders of earlier days are read.

    Returns:
        The reconciled counts of its lines.
    """
    from leapline.events.clean import CleanOptions, cleaned_day, write_day
    from leapline.events.file_counts import require_usable_files
    from leapline.quality.profile import profile

    options = replace(CleanOptions.of(settings), former_key=former_key(settings))
    earlier = orders_before(lake, day, settings.repeated_order_days, wait_for_earlier_days)
    with (
        unchanged_exclusions(lake),
        closing(source_from(settings, options.reads, spark)) as source,
        cleaned_day(
            spark, source, day, options, listing=listing, earlier_orders=earlier, erased=excluded_visitors(lake)
        ) as clean,
        lake.attempt("quarantine", day) as quarantine,
        lake.attempt("events", day) as events,
        # Committed first: a day that has events also has their orders.
        lake.attempt("orders", day) as orders,
    ):
        addresses = ((events, "events"), (quarantine, "lines"), (orders, ORDERS))
        write_day(clean, *(lake.address(folder, name) for folder, name in addresses))
        write_json(quarantine / "counts.json", clean.counts)
        write_json(events / "counts.json", clean.counts)
        write_json(events / "files.json", clean.files)
        write_json(events / "profile.json", profile(clean.statistics, clean.counts))
        note_key(settings, events)
        for folder, name in addresses:
            write_data_seal(lake, folder, [name], {})
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
