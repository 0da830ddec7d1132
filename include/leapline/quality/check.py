"""A day's numbers against what is expected of them, by Great Expectations, with its Data Docs beside the run."""

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
        name: the number looked at.
        observed: its value.
        expected: its limits in words.
        passed: whether they hold.
        why: what a breach means; empty if there is none.
    """

    name: str
    observed: float
    expected: str
    passed: bool
    why: str


@dataclass(frozen=True)
class CheckResult:
    """A day's check.

    Attributes:
        passed: all expectations hold.
        outcomes: one an expectation.
        docs: the Data Docs' first page, relative to the run's folder.
    """

    passed: bool
    outcomes: tuple[Outcome, ...]
    docs: str

    @property
    def failed(self) -> list[Outcome]:
        """The expectations that do not hold."""
        return [outcome for outcome in self.outcomes if not outcome.passed]

    def sentence(self) -> str:
        """The result in one line."""
        if self.passed:
            return f"All {len(self.outcomes)} expectations hold."
        return "; ".join(f"{o.why} ({o.name} is {o.observed:g}, expected {o.expected})" for o in self.failed)

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self) | {"sentence": self.sentence()}


def check(
    profile: Mapping[str, Any], history: Sequence[Mapping[str, Any]], limits: Limits, day: str, out: Path
) -> CheckResult:
    """Check one day.

    Args:
        profile: the day's numbers (`leapline.quality.profile`).
        history: the profiles of the days before, any number.
        limits: what may vary from shop to shop.
        day: ISO date, for the documents' titles.
        out: folder; the Data Docs go to `data_docs/` in it.
    """
    wanted, row = expectations(history, limits), table(profile)
    held = _validate(wanted, row, day, out / DOCS)
    outcomes = tuple(
        Outcome(e.column, row[e.column], _words(e), ok, "" if ok else e.otherwise)
        for e, ok in zip(wanted, held, strict=True)
    )
    return CheckResult(all(held), outcomes, f"{DOCS}/index.html")


def _validate(wanted: Sequence[Expectation], row: Mapping[str, float], day: str, docs: Path) -> list[bool]:
    """Whether each expectation holds; writes the Data Docs."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when the library is imported; it would call home
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
    for e in wanted:
        suite.add_expectation(
            gx.expectations.ExpectColumnValuesToBeBetween(
                column=e.column, min_value=e.least, max_value=e.most, meta={"notes": e.otherwise}
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
    held = {r.expectation_config.kwargs["column"]: bool(r.success) for r in result.results}
    return [held[e.column] for e in wanted]


def _words(e: Expectation) -> str:
    if e.least is None:
        return f"at most {e.most:g}" if e.most else "none"
    return f"at least {e.least:g}" if e.most is None else f"{e.least:g} to {e.most:g}"
