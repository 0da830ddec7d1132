"""The champion, pulled from the registry and scored by its own image on the sessions that judge the candidate.

Its archive says which features it wants; they are computed from the same sessions' events, cut where the candidate's
are. Nothing that it once scored is trusted: the registry's image alone speaks for it.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leapline.bundle.archive import read_entries
from leapline.deployment.factory import registry
from leapline.errors import BundleError, LeaplineError
from leapline.evaluation.champion import ChampionComparison
from leapline.features import spec as specs
from leapline.modelling.examples import with_fitted_features
from leapline.serving.image import LABEL
from leapline.serving.layout import unpack
from leapline.serving.probe import host_architecture, probabilities, running
from leapline.serving.promote import CHAMPION_TAG
from leapline.settings import Settings
from leapline.storage import Lake

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

MANIFEST, FEATURES = "leapline/manifest.json", "leapline/features.json"


@dataclass(frozen=True)
class Incumbent:
    """The champion, on disk.

    Attributes:
        digest: what the tag named.
        model_id: of its image.
        spec: the features that it wants.
        training_days: the days it was trained on, ISO dates.
        layout: its image.
    """

    digest: str
    model_id: str
    spec: specs.FeatureSpec
    training_days: list[str]
    layout: Path


def rescore(
    spark: "SparkSession", settings: Settings, lake: Lake, day: date, holdout: "pd.DataFrame", spec: specs.FeatureSpec
) -> "tuple[ChampionComparison, pd.Series[float] | None]":
    """The champion's standing before the comparison, and its scores of the holdout's rows, in their order.

    Args:
        spark: to compute its features with.
        settings: where the registry is, and whether to compare.
        lake: holds the day's events.
        day: the data day.
        holdout: the candidate's examples; `session`, and the columns of `spec`.
        spec: the candidate's features; the champion's are computed only if they differ.

    What prevents scoring is stated in the `ChampionComparison`, never raised: the verdict decides what it means.
    """
    try:
        with _pulled(settings) as found:
            if found is None:
                return ChampionComparison("none", "there is no champion yet"), None
            return _scored(spark, settings, lake, day, holdout, spec, found)
    except LeaplineError as exc:
        if settings.compare_champion:
            return ChampionComparison("unknown", str(exc)), None
        return ChampionComparison(
            "off", f"LEAPLINE_COMPARE_CHAMPION is off, and the registry did not answer: {exc}"
        ), None


def _scored(
    spark: "SparkSession",
    settings: Settings,
    lake: Lake,
    day: date,
    holdout: "pd.DataFrame",
    spec: specs.FeatureSpec,
    found: Incumbent,
) -> "tuple[ChampionComparison, pd.Series[float] | None]":
    if not settings.compare_champion:
        return ChampionComparison("off", "LEAPLINE_COMPARE_CHAMPION is off", found.digest, found.model_id), None
    if day.isoformat() in found.training_days:
        why = f"champion {found.model_id} was trained on {day}: it knows the holdout"
        return ChampionComparison("unfair", why, found.digest, found.model_id), None
    try:
        rows = holdout if found.spec == spec else _own_features(spark, lake, day, holdout, found.spec)
        scores = _ask(found, rows)
    except (LeaplineError, OSError) as exc:
        why = f"champion {found.model_id} could not be scored: {exc}"
        return ChampionComparison("unknown", why, found.digest, found.model_id), None
    return ChampionComparison("compared", "scored on the same sessions", found.digest, found.model_id), scores


@contextmanager
def _pulled(settings: Settings) -> Iterator[Incumbent | None]:
    target = registry(settings)
    digest = target.digest(CHAMPION_TAG)
    if digest is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="leapline-champion-") as work:
        layout = target.pull(digest, Path(work) / "image")
        image = unpack(layout, host_architecture(), Path(work) / "unpacked")
        entries = read_entries(image.root / "model.zip")
        yield Incumbent(
            digest=digest,
            model_id=image.labels.get(LABEL + "version", ""),
            spec=specs.loads(_entry(entries, FEATURES), f"{FEATURES} of the champion"),
            training_days=_training_days(_entry(entries, MANIFEST)),
            layout=layout,
        )


def _entry(entries: dict[str, bytes], name: str) -> bytes:
    if name not in entries:
        raise _not_ours(f"no {name}")
    return entries[name]


def _training_days(manifest: bytes) -> list[str]:
    try:
        return [str(day) for day in json.loads(manifest)["training_days"]]
    except (ValueError, KeyError, TypeError) as exc:
        raise _not_ours(f"a {MANIFEST} without training days ({exc})") from exc


def _not_ours(found: str) -> BundleError:
    return BundleError(
        "the champion's archive",
        found=found,
        expected="an archive that Leapline packed",
        fix="Roll back to a published model, or set LEAPLINE_COMPARE_CHAMPION=false for one run.",
    )


def _own_features(
    spark: "SparkSession", lake: Lake, day: date, holdout: "pd.DataFrame", spec: specs.FeatureSpec
) -> "pd.DataFrame":
    """The champion's features of the holdout's sessions, in the holdout's order."""
    from leapline.training.examples import persisted_example_events, session_examples

    # What it learnt is of other days, but as a rule it is made of what the day's examples hold.
    if specs.load(lake.current("examples", day) / "features.json").dumps() == spec.unfitted.dumps():
        own = _values(spark.read.parquet(str(lake.current("examples", day) / "examples")).where("whole"), spec)
    else:
        with persisted_example_events(spark.read.parquet(str(lake.current("events", day) / "events"))) as numbered:
            own = _values(session_examples(numbered, spec), spec)
    return own.reindex(holdout["session"]).reset_index()


def _values(raw: "DataFrame", spec: specs.FeatureSpec) -> "pd.DataFrame":
    return with_fitted_features(raw, spec).select("session", *spec.columns).toPandas().set_index("session")


def _ask(found: Incumbent, rows: "pd.DataFrame") -> "pd.Series[float]":
    """Its uncalibrated probabilities of class 1, answered by its own image."""
    import pandas as pd

    wanted: list[dict[str, Any]] = rows[list(found.spec.columns)].to_dict("records")  # type: ignore[assignment]
    work = tempfile.TemporaryDirectory(prefix="leapline-champion-run-")
    with work as folder, running(found.layout, Path(folder)) as client:
        return pd.Series(probabilities(client, wanted), index=rows.index, dtype=float)
