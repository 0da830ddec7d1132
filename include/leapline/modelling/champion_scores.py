"""Pull the champion from the registry, and score the candidate's holdout sessions with it.

With keys, the image must be signed; its digest, which all its content is checked against, is what the signature covers.
Even so, only its archive is extracted, and this installation's scorer serves the archive. No part of the image is
executed. The champion's features are defined by the archive's feature spec and computed from the events of the same
sessions.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leapline.bundle.archive import read_entries
from leapline.deployment.factory import champion_digest, registry, trust_of
from leapline.errors import BundleError, LeaplineError
from leapline.evaluation.champion import ChampionComparison, State
from leapline.events.cleaner.program import PROGRAMS
from leapline.features import spec as specs
from leapline.modelling.day_data import DayData
from leapline.modelling.examples import with_fitted_features
from leapline.serving.image import LABEL
from leapline.serving.layout import extract_file
from leapline.serving.platforms import host_architecture
from leapline.serving.probe import probabilities
from leapline.serving.registry import Registry
from leapline.serving.scorer_process import serve_archive
from leapline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

MANIFEST, FEATURES = "leapline/manifest.json", "leapline/features.json"
_BLOCK_ROWS = 10_000
"""Rows that are Python objects at a time: a million of them would take 2 GB."""


@dataclass(frozen=True)
class PulledChampion:
    """The champion's archive on disk.

    Attributes:
        digest: digest of the champion's image.
        model_id: model id from the image's label.
        spec: feature spec of the model.
        training_days: ISO dates of the days on which the model was trained.
        archive: path of the model archive.
    """

    digest: str
    model_id: str
    spec: specs.FeatureSpec
    training_days: list[str]
    archive: Path

    def compared(self, state: State, why: str) -> ChampionComparison:
        """Return the state of its comparison with the candidate."""
        return ChampionComparison(state, why, self.digest, self.model_id)


def score_champion(
    data: DayData, holdout: "pd.DataFrame", spec: specs.FeatureSpec
) -> "tuple[ChampionComparison, pd.Series[float] | None]":
    """Score the holdout with the champion.

    A failure is not raised but stated in the result, because the verdict decides about its consequences.

    Args:
        data: the data day; its settings contain the registry and whether to compare.
        holdout: the candidate's examples: `session` and the columns of `spec`.
        spec: the candidate's feature spec; the champion's features are computed only if its spec differs.

    Returns:
        The state of the comparison, and the champion's scores in the order of the holdout's rows; None without scores.
    """
    try:
        with pulled_champion(data.settings) as champion:
            if champion is None:
                return ChampionComparison("none", "there is no champion yet"), None
            return _score(data, holdout, spec, champion)
    except LeaplineError as exc:
        if data.settings.compare_champion:
            return ChampionComparison("unknown", str(exc)), None
        why = f"LEAPLINE_COMPARE_CHAMPION is off, and the champion could not be read: {exc}"
        return ChampionComparison("off", why), None


def _score(
    data: DayData, holdout: "pd.DataFrame", spec: specs.FeatureSpec, champion: PulledChampion
) -> "tuple[ChampionComparison, pd.Series[float] | None]":
    if not data.settings.compare_champion:
        return champion.compared("off", "LEAPLINE_COMPARE_CHAMPION is off"), None
    if data.day.isoformat() in champion.training_days:
        why = f"champion {champion.model_id} was trained on {data.day}, the day of the holdout"
        return champion.compared("unfair", why), None
    try:
        scores = scores_of(data, holdout, spec, champion)
    except (LeaplineError, OSError) as exc:
        return champion.compared("unknown", f"champion {champion.model_id} could not be scored: {exc}"), None
    return champion.compared("compared", "scored on the same sessions"), scores


def scores_of(
    data: DayData, holdout: "pd.DataFrame", spec: specs.FeatureSpec, champion: PulledChampion
) -> "pd.Series[float]":
    """Return a champion's scores of the holdout, in the order of its rows; arguments as of `score_champion`.

    Raises:
        LeaplineError: its features cannot be computed, or the scorer does not serve it.
    """
    rows = holdout if champion.spec == spec else _champion_features(data, holdout, champion.spec)
    return score_archive(data.settings, champion, rows)


@contextmanager
def pulled_champion(settings: Settings) -> Iterator[PulledChampion | None]:
    """Pull the champion and extract its archive into a private folder; None if there is no champion.

    Raises:
        SignatureError: there are keys, and the image is not signed by one of them.
        RegistryError: the registry does not answer clearly.
        ContradictionError: registry and ledger do not agree about the champion.
        LedgerError: something is wrong with the ledger.
        BundleError: the image or its archive is damaged, hostile or not a Leapline model.
    """
    target = registry(settings)
    digest = champion_digest(settings, target)
    if digest is None:
        yield None
        return
    with pulled_model(settings, target, digest) as champion:
        yield champion


@contextmanager
def pulled_model(settings: Settings, target: Registry, digest: str) -> Iterator[PulledChampion]:
    """Pull a published model and extract its archive into a private folder.

    Args:
        settings: keys of the installation.
        target: the repository.
        digest: of the model's image.

    Raises:
        SignatureError: there are keys, and the image is not signed by one of them.
        RegistryError: the registry does not answer clearly, or has no such image.
        BundleError: the image or its archive is damaged, hostile or not a Leapline model.
    """
    trust_of(settings).require(target, digest)
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


def score_archive(settings: Settings, champion: PulledChampion, rows: "pd.DataFrame") -> "pd.Series[float]":
    """Return the champion's uncalibrated probability of class 1 for each row, from this installation's scorer."""
    import pandas as pd

    features = rows[list(champion.spec.columns)]
    blocks = (features.iloc[first : first + _BLOCK_ROWS] for first in range(0, len(rows), _BLOCK_ROWS))
    scorer = settings.tools / "scorer" / f"linux-{host_architecture()}" / "scorer"
    with (
        tempfile.TemporaryDirectory(prefix="leapline-champion-run-") as folder,
        serve_archive(scorer, champion.archive, Path(folder)) as client,
    ):
        scores = [score for block in blocks for score in probabilities(client, _records(block))]
    return pd.Series(scores, index=rows.index, dtype=float)


def _records(rows: "pd.DataFrame") -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = rows.to_dict("records")  # type: ignore[assignment]
    return records


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
        expected="an archive packaged by Leapline",
        fix="Roll back to a published model, or set LEAPLINE_COMPARE_CHAMPION=false for one run.",
    )


def _champion_features(data: DayData, holdout: "pd.DataFrame", spec: specs.FeatureSpec) -> "pd.DataFrame":
    """Return the champion's features of the holdout's sessions, in the holdout's order."""
    from leapline.training.examples import session_examples, whole_files

    # The champion's vocabularies were fitted on other days, but its raw inputs are usually in the day's examples.
    if specs.load(data.lake.current("examples", data.day) / "features.json").dumps() == spec.unfitted.dumps():
        features = _values(data.examples().where("whole"), spec)
    else:
        programs = data.settings.tools / PROGRAMS.name
        with whole_files(data.spark):
            features = _values(session_examples(data.events(), spec, programs=programs), spec)
    return features.reindex(holdout["session"]).reset_index()


def _values(raw: "DataFrame", spec: specs.FeatureSpec) -> "pd.DataFrame":
    return with_fitted_features(raw, spec).select("session", *spec.columns).toPandas().set_index("session")
