"""The champion, pulled from the registry and scored on the sessions that the candidate is evaluated on.

The image is data from outside: only its archive is extracted, and this installation's own scorer scores it. Nothing of
the image is executed. The archive's feature spec says which features to compute; they come from the events of the same
sessions.
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
from leapline.errors import AccessDeniedError, BundleError, LeaplineError
from leapline.evaluation.champion import ChampionComparison
from leapline.features import spec as specs
from leapline.modelling.examples import with_fitted_features
from leapline.serving.image import LABEL
from leapline.serving.layout import extract_file
from leapline.serving.ledger import Ledger
from leapline.serving.probe import probabilities
from leapline.serving.promote import CHAMPION_TAG
from leapline.serving.registry import Registry
from leapline.serving.scorer_process import host_architecture, serve_archive
from leapline.settings import Settings
from leapline.storage import Lake

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

MANIFEST, FEATURES = "leapline/manifest.json", "leapline/features.json"


@dataclass(frozen=True)
class PulledChampion:
    """The champion's archive on disk.

    Attributes:
        digest: of the image that the tag names.
        model_id: from the image's label.
        spec: its feature spec.
        training_days: the days that it was trained on, ISO dates.
        archive: the model.
    """

    digest: str
    model_id: str
    spec: specs.FeatureSpec
    training_days: list[str]
    archive: Path


def score_champion(
    spark: "SparkSession", settings: Settings, lake: Lake, day: date, holdout: "pd.DataFrame", spec: specs.FeatureSpec
) -> "tuple[ChampionComparison, pd.Series[float] | None]":
    """Score the holdout with the champion.

    What prevents it is stated in the result and never raised: the verdict decides what it means.

    Args:
        spark: computes the champion's features.
        settings: where the registry is, and whether to compare.
        lake: has the day's events.
        day: the data day.
        holdout: the candidate's examples; `session`, and the columns of `spec`.
        spec: the candidate's features; the champion's are computed only if they differ.

    Returns:
        The champion before the comparison, and its scores of the holdout's rows, in their order.
    """
    try:
        with pulled_champion(settings) as champion:
            if champion is None:
                return ChampionComparison("none", "there is no champion yet"), None
            return _scored(spark, settings, lake, day, holdout, spec, champion)
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
    champion: PulledChampion,
) -> "tuple[ChampionComparison, pd.Series[float] | None]":
    if not settings.compare_champion:
        return ChampionComparison("off", "LEAPLINE_COMPARE_CHAMPION is off", champion.digest, champion.model_id), None
    if day.isoformat() in champion.training_days:
        why = f"champion {champion.model_id} was trained on {day}, the day of the holdout"
        return ChampionComparison("unfair", why, champion.digest, champion.model_id), None
    try:
        same = champion.spec == spec
        rows = holdout if same else _champion_features(spark, lake, day, holdout, champion.spec)
        scores = score_archive(settings, champion, rows)
    except (LeaplineError, OSError) as exc:
        why = f"champion {champion.model_id} could not be scored: {exc}"
        return ChampionComparison("unknown", why, champion.digest, champion.model_id), None
    return ChampionComparison("compared", "scored on the same sessions", champion.digest, champion.model_id), scores


@contextmanager
def pulled_champion(settings: Settings) -> Iterator[PulledChampion | None]:
    """Pull the champion and extract its archive into a private folder; None if there is no champion.

    Raises:
        RegistryError: the registry does not answer clearly.
        BundleError: the image or its archive is damaged, hostile or not a model of Leapline.
    """
    target = registry(settings)
    digest = _champion_digest(settings, target)
    if digest is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="leapline-champion-") as folder:
        archive = Path(folder) / "model.zip"
        labels = extract_file(target.pull(digest, Path(folder) / "image"), "model.zip", archive)
        entries = read_entries(archive)
        yield PulledChampion(
            digest=digest,
            model_id=labels.get(LABEL + "version", ""),
            spec=specs.loads(_entry(entries, FEATURES), f"{FEATURES} of the champion"),
            training_days=_training_days(_entry(entries, MANIFEST)),
            archive=archive,
        )


def _champion_digest(settings: Settings, target: Registry) -> str | None:
    """Return the champion's digest.

    Some registries deny access to a repository that does not exist yet. Before the first promotion of this installation
    that counts as absent: the push decides whether access is granted, and promotion reads the tag again.
    """
    try:
        return target.digest(CHAMPION_TAG)
    except AccessDeniedError:
        if Ledger(settings.ledger).entries():
            raise
        return None


def score_archive(settings: Settings, champion: PulledChampion, rows: "pd.DataFrame") -> "pd.Series[float]":
    """Return the champion's uncalibrated probability of class 1 for each row, from this installation's scorer."""
    import pandas as pd

    features: list[dict[str, Any]] = rows[list(champion.spec.columns)].to_dict("records")  # type: ignore[assignment]
    scorer = settings.tools / "scorer" / f"linux-{host_architecture()}" / "scorer"
    with (
        tempfile.TemporaryDirectory(prefix="leapline-champion-run-") as folder,
        serve_archive(scorer, champion.archive, Path(folder)) as client,
    ):
        return pd.Series(probabilities(client, features), index=rows.index, dtype=float)


def _entry(entries: dict[str, bytes], name: str) -> bytes:
    if name not in entries:
        raise _not_a_model(f"no {name}")
    return entries[name]


def _training_days(manifest: bytes) -> list[str]:
    try:
        return [str(day) for day in json.loads(manifest)["training_days"]]
    except (ValueError, KeyError, TypeError) as exc:
        raise _not_a_model(f"a {MANIFEST} without training days ({exc})") from exc


def _not_a_model(found: str) -> BundleError:
    return BundleError(
        "the champion's archive",
        found=found,
        expected="an archive that Leapline has packaged",
        fix="Roll back to a published model, or set LEAPLINE_COMPARE_CHAMPION=false for one run.",
    )


def _champion_features(
    spark: "SparkSession", lake: Lake, day: date, holdout: "pd.DataFrame", spec: specs.FeatureSpec
) -> "pd.DataFrame":
    """Return the champion's features of the holdout's sessions, in the holdout's order."""
    from leapline.training.examples import persisted_example_events, session_examples

    # Its vocabularies come from other days, but its raw inputs are usually in the day's examples.
    if specs.load(lake.current("examples", day) / "features.json").dumps() == spec.unfitted.dumps():
        features = _values(spark.read.parquet(str(lake.current("examples", day) / "examples")).where("whole"), spec)
    else:
        with persisted_example_events(spark.read.parquet(str(lake.current("events", day) / "events"))) as numbered:
            features = _values(session_examples(numbered, spec), spec)
    return features.reindex(holdout["session"]).reset_index()


def _values(raw: "DataFrame", spec: specs.FeatureSpec) -> "pd.DataFrame":
    return with_fitted_features(raw, spec).select("session", *spec.columns).toPandas().set_index("session")
