"""The datasets of the lake: which step writes each one, which files it has, and in which format version.

The version is recorded in each pointer file when an attempt is committed (`leapline.storage`). Readers accept the
versions listed in `readable`, and reject others by name, so that a lake written by a later or a much older Leapline is
never misread.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Dataset:
    """A kind of result that the lake keeps.

    Attributes:
        name: the folder below the lake's root.
        writer: the step that writes it.
        files: path below the attempt folder -> what it holds; a path that ends in `/` is a folder.
        version: the format version that is written today.
        readable: the format versions that can be read. Pointers without a version have version 1.
        by_day: whether keys are data days (`date=2026-03-06`); otherwise they are text.
    """

    name: str
    writer: str
    files: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    readable: frozenset[int] = frozenset({1})
    by_day: bool = True


DATASETS: Final[tuple[Dataset, ...]] = (
    Dataset(
        "events",
        "extract",
        {
            "events/": "clean events, Parquet; each session in one file, sorted by time and the event's number",
            "counts.json": "how many lines were read, kept, excluded and quarantined, and why",
            "files.json": "the same per file; absent in days that were written before it existed",
            "profile.json": "the numbers that the data check is based on",
            "pseudonym-key.json": "the id of the key of the pseudonyms",
            "seal.json": "digests of files and tables; absent in days that were written before it existed",
        },
        version=2,
        readable=frozenset({1, 2}),
    ),
    Dataset(
        "quarantine",
        "extract",
        {
            "lines/": "one row per quarantined line: reason, file, hash and length, never its content",
            "counts.json": "as in events",
            "seal.json": "as in events",
        },
    ),
    Dataset(
        "orders",
        "extract",
        {
            "orders/": "one row per order in the day's events, Parquet sorted by pseudonym: first appearance, and the "
            "day that counts it",
            "seal.json": "as in events",
        },
    ),
    Dataset(
        "checks",
        "check_events",
        {
            "result.json": "each expectation with its outcome, and the events attempt that was checked",
            "data_docs/": "Great Expectations' Data Docs",
            "seal.json": "digests of these files, and of the events' seal",
        },
    ),
    Dataset(
        "examples",
        "featurize",
        {
            "examples/": "labelled examples of sessions, Parquet",
            "items/": "labelled examples of session-item pairs, Parquet",
            "features.json": "the feature spec of sessions, not fitted",
            "item_features.json": "the feature spec of session-item pairs, not fitted",
            "examples.json": "counts, and the events attempt that the examples were built from",
            "pseudonym-key.json": "the id of the key of the pseudonyms",
            "seal.json": "digests of files and tables, and of the seals of events and checks",
        },
    ),
    Dataset(
        "candidates",
        "train",
        {
            "model.zip": "the fitted pipeline as Bundle.ML alone",
            "pipeline/": "the fitted pipeline in Spark's own form",
            "features.json": "the fitted feature spec",
            "training.json": "training days, digest, hyperparameters, calibration, importances",
            "markov.json": "the baseline: transition counts of converting and other sessions",
            "items/": "the same files for the item model; absent if there is none",
            "seal.json": "digests of these files and of the inputs",
        },
    ),
    Dataset(
        "evaluations",
        "evaluate",
        {
            "metrics.json": "metrics of the holdout with intervals, slices, baseline",
            "champion.json": "the comparison with the champion and with the best one of the last days",
            "scores.parquet": "one row per session of the holdout with its label and scores",
            "item_scores.parquet": "one row per session-item pair; absent without an item model",
            "curves.json": "points of the ROC, precision-recall and calibration curves",
            "probe_rows.json": "rows of the holdout that the image must reproduce, with Spark's scores",
            "probe_events/": "the clean events of these sessions, Parquet",
            "plots/": "the plots of the model card, PNG and SVG",
            "pseudonym-key.json": "the id of the key of the pseudonyms",
            "seal.json": "digests of these files and of the inputs",
        },
    ),
    Dataset(
        "verdicts",
        "gate",
        {
            "verdict.json": "the gate's verdict, rule by rule",
            "card.md": "the model card",
            "card.html": "the model card as one self-contained page",
            "seal.json": "digests of these files and of the inputs",
        },
    ),
    Dataset(
        "packages",
        "package",
        {
            "model.zip": "the complete archive",
            "model.sig": "the archive's signature; absent without a signing key",
            "image/": "the image as an OCI layout",
            "docker/": "per architecture the image in Docker's format, as a layout; absent without the setting",
            "manifest.json": "the archive's manifest",
            "provenance.json": "what the model was made from: days, events, settings, code (SLSA provenance 1)",
            "sbom.json": "the bill of materials of the image (CycloneDX)",
            "package.json": "model id and digests",
            "seal.json": "digests of these files and of the inputs",
        },
    ),
    Dataset(
        "probes",
        "probe",
        {
            "verdict.json": "the final verdict: the gate's rules and those of the image",
            "probe.json": "what the probe measured",
            "card.md": "the model card with the final verdict",
            "card.html": "the same as one self-contained page",
            "seal.json": "digests of these files and of the inputs",
        },
    ),
    Dataset(
        "models",
        "publish",
        {
            "model.zip": "the published archive",
            "model.sig": "its signature; absent without a signing key",
            "manifest.json": "its manifest",
            "provenance.json": "as in packages",
            "sbom.json": "as in packages",
            "metrics.json": "as in evaluations",
            "champion.json": "as in evaluations",
            "verdict.json": "as in probes",
            "probe.json": "as in probes",
            "publication.json": "image, tag, digest, how each platform was tested, images in Docker's format, parent",
            "card.md": "the model card",
            "card.html": "the same as one self-contained page",
            "plots/": "the plots of the model card",
            "seal.json": "digests of these files and of the inputs",
        },
        by_day=False,
    ),
    Dataset(
        "searches",
        "train",
        {
            "trials.json": "the trials of a hyperparameter search over one content of examples",
            "seal.json": "digest of the trials",
        },
        by_day=False,
    ),
)
"""Every dataset, in the order in which a run writes them."""

_BY_NAME: Final = {dataset.name: dataset for dataset in DATASETS}


def dataset(name: str) -> Dataset | None:
    """Return the dataset of that name, or None for a name that the table does not have."""
    return _BY_NAME.get(name)


def datasets_of(step: str) -> list[str]:
    """Return the names of the datasets by data day that a step writes."""
    return [entry.name for entry in DATASETS if entry.writer == step and entry.by_day]
