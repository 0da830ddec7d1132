"""Build labelled examples from clean events: of sessions, of prefixes of sessions, and of session-item pairs."""

from datetime import date
from typing import TYPE_CHECKING, Any

from leapline.errors import BalanceError
from leapline.events.cleaner.program import PROGRAMS
from leapline.modelling.day_data import DayData
from leapline.modelling.days import checked_days
from leapline.modelling.example_config import EXAMPLES_FORMAT_VERSION, FACTS, FEATURES, ITEM_FEATURES, ExampleConfig
from leapline.privacy.exclusions import unchanged_exclusions
from leapline.privacy.pseudonym_keys import copy_note
from leapline.records import data_seals
from leapline.runtime.context import RunContext
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import Folder, Lake, json_bytes, lake_of, read_json, write_bytes
from leapline.storage.seal import seal_digest, write_data_seal

if TYPE_CHECKING:
    from pathlib import Path


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Build the examples of the data day, and of those training days whose events or spec have changed since.

    Returns:
        Day -> counts, see `build_day`.

    Raises:
        NotInLakeError: the day was not extracted.
        InputChangedError: events or checks were changed since they were written.
        BalanceError: the events of a session are in several files.
        SpecError: a feature spec is malformed.
    """
    lake, config = lake_of(settings), ExampleConfig.of(settings)
    for dataset in ("events", "checks"):
        if dataset == "events" or lake.has(dataset, context.day):
            data_seals.unchanged(lake, dataset, context.day)
    days = [*(d for d in checked_days(lake, settings, context.day) if not _is_fresh(lake, d, config)), context.day]
    with spark_session(settings, "featurize") as spark:
        return {day.isoformat(): build_day(DayData(spark, settings, lake, day), config) for day in days}


def build_day(data: DayData, config: ExampleConfig) -> dict[str, Any]:
    """Build one day's examples and commit them.

    Returns:
        Counts that add up: `clean_sessions` (in the clean events) = `starting_at_checkout` (without an event before
        their checkout, not scored) + `sessions`; `examples` (of sessions) = `sessions` + `prefixes`. Of these
        `buying_sessions` and `buying_examples` have label 1. Also `positives` (the former name of `buying_sessions`),
        `pairs`, `bought_pairs` and `features`.
    """
    from leapline.training.examples import pair_examples, session_examples, whole_files

    programs = data.settings.tools / PROGRAMS.name
    with unchanged_exclusions(data.lake), data.lake.attempt("examples", data.day) as out:
        source, events = data_seals.unchanged(data.lake, "events", data.day), data.events()
        sessions = session_examples(events, config.sessions, config.per_session, programs)
        pairs = pair_examples(events, config.items, programs)
        with whole_files(data.spark):
            sessions.write.parquet(data.lake.address(out, "examples"))
            pairs.write.parquet(data.lake.address(out, "items"))
        summary = _counts(data, out) | {"features": len(config.sessions.columns)}
        copy_note(source, out)
        write_bytes(out / FEATURES, config.sessions.dumps().encode())
        write_bytes(out / ITEM_FEATURES, config.items.dumps().encode())
        facts = {
            "source": source.name,
            "events_digest": _digest(source),
            "way": EXAMPLES_FORMAT_VERSION,
            "per_session": config.per_session,
        }
        write_bytes(out / FACTS, json_bytes(summary | facts))
        write_data_seal(data.lake, out, ["examples", "items"], _sources(data.lake, data.day, source))
    return summary


def _digest(events: Folder) -> str | None:
    """Return the digest of the events' content; None for days that were extracted before it existed."""
    path = events / "profile.json"
    return read_json(path).get("digest") if path.exists() else None


def _sources(lake: Lake, day: date, events: Folder) -> dict[str, str]:
    """Return the seals of what the examples were built from, and of the check of it, if there was one."""
    checks = data_seals.source_seals(lake, "checks", [day]) if lake.has("checks", day) else {}
    return {f"events/{day}": seal_digest(events), **checks}


def _counts(data: DayData, out: "Path") -> dict[str, int]:
    columns = ("count(1)", "count_if(whole)", "count_if(label = 1)", "count_if(whole AND label = 1)")
    sessions_frame, pairs_frame = (
        data.spark.read.parquet(data.lake.address(out, name)) for name in ("examples", "items")
    )
    row = sessions_frame.selectExpr(*columns).first()
    examples, sessions, buying_examples, buying_sessions = row or (0, 0, 0, 0)
    pairs = pairs_frame.selectExpr("count(1)", "count_if(label = 1)").first() or (0, 0)
    clean_sessions = data.events().select("session").distinct().count()
    if sessions > clean_sessions:
        raise BalanceError(
            f"examples of {data.day}",
            found=f"{sessions:,} sessions",
            expected=f"at most the {clean_sessions:,} sessions of the clean events, each in one file",
            fix=f"Run `leapline extract --date {data.day}` again, which writes complete sessions.",
        )
    return {
        "clean_sessions": clean_sessions,
        "starting_at_checkout": clean_sessions - sessions,
        "sessions": sessions,
        "prefixes": examples - sessions,
        "examples": examples,
        "buying_sessions": buying_sessions,
        "buying_examples": buying_examples,
        "positives": buying_sessions,
        "pairs": pairs[0],
        "bought_pairs": pairs[1],
    }


def _is_fresh(lake: Lake, day: date, config: ExampleConfig) -> bool:
    """Return whether the examples were built from the current events with this configuration."""
    if not lake.has("examples", day):
        return False
    examples = lake.current("examples", day)
    return read_json(examples / FACTS)["source"] == lake.current("events", day).name and config.matches(examples)


if __name__ == "__main__":
    main("featurize", run)
