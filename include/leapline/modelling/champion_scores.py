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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leapline.bundle.archive import read_entries
from leapline.deployment.factory import registry
from leapline.errors import AccessDeniedError, BundleError, LeaplineError
from leapline.evaluation.champion import ChampionComparison, State
from leapline.features import spec as specs
from leapline.modelling.day_data import DayData
from leapline.modelling.examples import with_fitted_features
from leapline.serving.image import LABEL
from leapline.serving.layout import extract_file
from leapline.serving.ledger import Ledger
from leapline.serving.probe import probabilities
from leapline.serving.promote import CHAMPION_TAG
from leapline.serving.registry import Registry
from leapline.serving.scorer_process import host_architecture, serve_archive
from leapline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

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

    def compared(self, state: State, why: str) -> ChampionComparison:
        """Return the state of its comparison with the candidate."""
        return ChampionComparison(state, why, self.digest, self.model_id)


def score_champion(
    data: DayData, holdout: "pd.DataFrame", spec: specs.FeatureSpec
) -> "tuple[ChampionComparison, pd.Series[float] | None]":
    """Score the holdout with the champion.

    What prevents it is stated in the result and never raised: the verdict decides what it means.

    Args:
        data: the data day; its settings say where the registry is, and whether to compare.
        holdout: the candidate's examples; `session`, and the columns of `spec`.
        spec: the candidate's features; the champion's are computed only if they differ.

    Returns:
        The champion before the comparison, and its scores of the holdout's rows, in their order.
    """
    try:
        with pulled_champion(data.settings) as champion:
            if champion is None:
                return ChampionComparison("none", "there is no champion yet"), None
            return _score(data, holdout, spec, champion)
    except LeaplineError as exc:
        if data.settings.compare_champion:
            return ChampionComparison("unknown", str(exc)), None
        why = f"LEAPLINE_COMPARE_CHAMPION is off, and the registry did not answer: {exc}"
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
        rows = holdout if champion.spec == spec else _champion_features(data, holdout, champion.spec)
        scores = score_archive(data.settings, champion, rows)
    except (LeaplineError, OSError) as exc:
        return champion.compared("unknown", f"champion {champion.model_id} could not be scored: {exc}"), None
    return champion.compared("compared", "scored on the same sessions"), scores


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


def _champion_features(data: DayData, holdout: "pd.DataFrame", spec: specs.FeatureSpec) -> "pd.DataFrame":
    """Return the champion's features of the holdout's sessions, in the holdout's order."""
    from leapline.training.examples import persisted_example_events, session_examples

    # Its vocabularies come from other days, but its raw inputs are usually in the day's examples.
    if specs.load(data.lake.current("examples", data.day) / "features.json").dumps() == spec.unfitted.dumps():
        features = _values(data.examples().where("whole"), spec)
    else:
        with persisted_example_events(data.events()) as numbered:
            features = _values(session_examples(numbered, spec), spec)
    return features.reindex(holdout["session"]).reset_index()


def _values(raw: "DataFrame", spec: specs.FeatureSpec) -> "pd.DataFrame":
    return with_fitted_features(raw, spec).select("session", *spec.columns).toPandas().set_index("session")
