"""Validation of a day's statistics with Great Expectations, including its Data Docs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leapline.quality.expectations import Expectation, Limits, expectations, table

DOCS = "data_docs"


@dataclass(frozen=True)
class Outcome:
    """One expectation's result.

    Attributes:
        name: the statistic.
        observed: its value.
        expected: its limits as text.
        passed: whether the value is within the limits.
        why: the meaning of a failure; empty if passed.
    """

    name: str
    observed: float
    expected: str
    passed: bool
    why: str


@dataclass(frozen=True)
class CheckResult:
    """The result of a day's check.

    Attributes:
        passed: all expectations are met.
        outcomes: one per expectation.
        docs: the index page of the Data Docs, relative to the output folder.
    """

    passed: bool
    outcomes: tuple[Outcome, ...]
    docs: str

    @property
    def failed(self) -> list[Outcome]:
        """The expectations that are not met."""
        return [outcome for outcome in self.outcomes if not outcome.passed]

    def sentence(self) -> str:
        """The result in one line."""
        if self.passed:
            return f"All {len(self.outcomes)} expectations are met."
        return "; ".join(f"{o.why} ({o.name} is {o.observed:g}, expected {o.expected})" for o in self.failed)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return asdict(self) | {"sentence": self.sentence()}


def check(
    profile: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    limits: Limits,
    day: str,
    out: Path,
    same_weekday: Sequence[Mapping[str, Any]] = (),
) -> CheckResult:
    """Check one day.

    Args:
        profile: the day's statistics (`leapline.quality.profile`).
        history: the profiles of any number of earlier days.
        limits: the limits that an installation can set.
        day: ISO date, for the titles of the Data Docs.
        out: folder; the Data Docs are written to `data_docs/` in it.
        same_weekday: the profiles of the same weekday in the weeks before.
    """
    expected, row = expectations(history, limits, same_weekday), table(profile)
    passed = _validate(expected, row, day, out / DOCS)
    outcomes = tuple(
        Outcome(e.column, row[e.column], _limits_text(e), ok, "" if ok else e.meaning)
        for e, ok in zip(expected, passed, strict=True)
    )
    return CheckResult(all(passed), outcomes, f"{DOCS}/index.html")


def _validate(expected: Sequence[Expectation], row: Mapping[str, float], day: str, docs: Path) -> list[bool]:
    """Return whether each expectation is met; write the Data Docs."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # Read at import; the library would send usage data.
    import great_expectations as gx
    import pandas as pd

    from leapline.quality.data_docs import make_self_contained

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    for site in list(context.get_site_names()):
        context.delete_data_docs_site(site)
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.absolute())}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    context.add_data_docs_site(
        "leapline", {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
    )
    suite = context.suites.add(gx.ExpectationSuite(name=f"events of {day}"))
    for e in expected:
        suite.add_expectation(
            gx.expectations.ExpectColumnValuesToBeBetween(
                column=e.column, min_value=e.minimum, max_value=e.maximum, meta={"notes": e.meaning}
            )
        )
    batch = (
        context.data_sources.add_pandas("day")
        .add_dataframe_asset("numbers")
        .add_batch_definition_whole_dataframe("one")
    )
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=f"day {day}", data=batch, suite=suite))
    result = definition.run(batch_parameters={"dataframe": pd.DataFrame([dict(row)])})
    context.build_data_docs()
    make_self_contained(docs)
    passed = {r.expectation_config.kwargs["column"]: bool(r.success) for r in result.results}
    return [passed[e.column] for e in expected]


def _limits_text(e: Expectation) -> str:
    if e.minimum is None:
        return f"at most {e.maximum:g}" if e.maximum else "none"
    return f"at least {e.minimum:g}" if e.maximum is None else f"{e.minimum:g} to {e.maximum:g}"
