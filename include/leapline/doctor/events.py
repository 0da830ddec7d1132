"""Checks of the event source and of the last runs."""

from datetime import timedelta
from typing import TYPE_CHECKING

from leapline.doctor.finding import Finding, NotApplicableError, Status, from_error, ok, problem, warning
from leapline.doctor.subject import Subject
from leapline.errors import IncompleteDayError, NoEventsError, SettingsError
from leapline.formatting import quantity

if TYPE_CHECKING:
    from leapline.sources.source import Listing


def source(subject: Subject) -> Finding:
    """List yesterday's events as the first step does before Spark starts; their content is not read."""
    settings = subject.settings
    if settings.source_connection:
        raise NotApplicableError("The login is in an Airflow connection; the checks of Airflow examine it.")
    try:
        settings.key_bytes()
    except SettingsError:
        raise NotApplicableError("Not examined: the pseudonym key cannot be used.") from None
    return examine(subject)


def examine(subject: Subject) -> Finding:
    """Return what the source has for yesterday, with the logins of the present environment."""
    from leapline.steps.extract import list_valid_input

    settings, day = subject.settings, subject.yesterday
    try:
        listing = list_valid_input(settings, day)
    except IncompleteDayError as exc:
        return from_error(exc, Status.WARNING)
    except NoEventsError as exc:
        is_early = subject.now < subject.now.replace(hour=0, minute=0) + timedelta(hours=settings.lookahead_hours)
        return from_error(exc, Status.WARNING if is_early else Status.PROBLEM)
    if listing is None:
        return ok(f"the table {settings.source_table}; Spark lists its days")
    return _of_listing(listing, f"{settings.source if settings.source != 'landing' else 'landing'}, {day}")


def _of_listing(listing: "Listing", name: str) -> Finding:
    size = sum(part.size or 0 for part in listing.slices)
    state = f"{name}: {quantity(len(listing.slices), 'slice')}" + (f", {size / 2**20:.1f} MB" if size else "")
    remarks = [*listing.warnings, *filter(None, [listing.ignored_text()])]
    if remarks:
        expected = "a source in which everything is understood"
        return warning(f"{state}. {' '.join(remarks)}", expected=expected, fix="See docs/sources.md.")
    return ok(state)


def last_runs(subject: Subject) -> Finding:
    """Report how the last finished run ended; a refused model is a normal result."""
    from leapline.records.runs import list_outcomes

    outcomes = [run for run in list_outcomes(subject.settings, limit=10) if run.state != "superseded"]
    run = next((run for run in outcomes if run.state != "unfinished"), None)
    if run is None:
        raise NotApplicableError("No run has finished yet.")
    state = f"{run.run_id}, data of {run.day}, {run.ended}: {run.state}. {run.sentence}"
    if run.state == "failed":
        fix = "Do what the message advises, then clear the task in Airflow or run the day again (docs/operations.md)."
        return problem(state, expected="a run that ends", fix=fix)
    return ok(state)
