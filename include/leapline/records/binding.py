"""Seals: digests that bind a verdict to one candidate and one evaluation, through package, probe and publication.

    train     candidates                                    the sealed folder of each step
    evaluate  evaluations   inputs: candidates              has a file `seal.json`:
    gate      verdicts      inputs: candidates, evaluations       {"digest": of all its other files,
    package   packages      inputs: ..., verdicts                  "inputs": {dataset: digest, ...}}
    probe     probes        inputs: ..., packages
    publish   models        inputs: ..., probes

Before a step works, it checks the seal of the step before: that folder and all inputs named in its seal must still have
the same content. A file that was replaced or edited, and a step that was repeated alone, are rejected. Days from before
seals existed can be read, but have to be judged again before they are packaged or published.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from leapline.datasets import dataset as dataset_of
from leapline.errors import InputChangedError, StorageError
from leapline.storage import Folder, Lake
from leapline.storage.seal import SEAL, digest_of, read_seal, write_seal

__all__ = ["SEAL", "candidate_digest", "checked_inputs", "digest_of", "require_own_content", "seal"]


def seal(lake: Lake, folder: Path, inputs: Mapping[str, str], sources: Mapping[str, str] | None = None) -> None:
    """Write the seal of a folder; the last thing that a step writes into its attempt.

    Args:
        lake: has the attempt.
        folder: the attempt.
        inputs: digest of each dataset that the step has read, by name.
        sources: seals of the data that the step has read, for the record: later steps do not verify them, because a day
            may be written again once it was used.
    """
    recorded = {"sources": dict(sources)} if sources else {}
    write_seal(folder, {"digest": digest_of(lake, folder), "inputs": dict(inputs), **recorded})


def candidate_digest(lake: Lake, day: date) -> dict[str, str]:
    """Return the digest of the day's candidate as an input.

    Raises:
        NotInLakeError: no candidate of that day.
        InputChangedError: the candidate was changed since it was trained, or has no seal.
    """
    return checked_inputs(lake, "candidates", day)


def checked_inputs(lake: Lake, dataset: str, day: date, key: str | None = None) -> dict[str, str]:
    """Check the seal of a step's result.

    Args:
        lake: has the result and its inputs.
        dataset: the result.
        day: the data day.
        key: of the result, if it is not the day.

    Returns:
        The digests of the result and of all its inputs, by dataset.

    Raises:
        NotInLakeError: the step or one before it did not run.
        InputChangedError: the result has no seal, or the result or one of its inputs has changed.
    """
    folder = lake.current(dataset, key or day)
    if not (folder / SEAL).exists():
        step = "train" if dataset == "candidates" else "evaluate"
        raise InputChangedError(
            f"{dataset} of {day}",
            found="no digests of its inputs, because an earlier version of Leapline wrote it",
            expected=f"a {SEAL}",
            fix=f"Judge the day again: `leapline {step} --date {day}` and the steps after it.",
        )
    recorded, inputs = _recorded(folder, dataset, day)
    _require_same(dataset, day, digest_of(lake, folder), recorded, dataset)
    for name, digest in inputs.items():
        before = lake.current(name, day)
        _require_same(name, day, digest_of(lake, before), digest, dataset)
        if (before / SEAL).exists():
            _require_same(name, day, _recorded(before, name, day)[0], digest, dataset)
    return {**inputs, dataset: recorded}


def require_own_content(lake: Lake, day: date, *datasets: str, key: str | None = None) -> None:
    """Check that the files of some results are those that their steps wrote, whatever their inputs are by now.

    Results without a seal, or that are not in the lake, are left out.

    Args:
        lake: has the results.
        day: the data day.
        datasets: the results.
        key: of the results, if it is not the day.

    Raises:
        InputChangedError: a file was changed, added or removed.
    """
    for dataset in datasets:
        folder = lake.current(dataset, key or day) if lake.has(dataset, key or day) else None
        if folder is not None and (folder / SEAL).exists():
            _require_same(dataset, day, digest_of(lake, folder), _recorded(folder, dataset, day)[0], dataset)


def _recorded(folder: Folder, dataset: str, day: date) -> tuple[str, dict[str, str]]:
    """Return the digest of a result and those of its inputs, as its seal records them."""
    try:
        content = read_seal(folder)
        return str(content["digest"]), dict(content["inputs"])
    except (StorageError, KeyError, TypeError, ValueError) as exc:
        raise InputChangedError(
            f"{dataset} of {day}",
            found=f"a damaged {SEAL} ({exc})",
            expected="digests of the result and of its inputs",
            fix=f"Run `leapline {_writer(dataset)} --date {day}` and the steps after it again.",
        ) from exc


def _require_same(name: str, day: date, found: str, expected: str, dataset: str) -> None:
    if found == expected:
        return
    writer = _writer(name)
    since = "it was written" if name == dataset else f"the step {_writer(dataset)}"
    raise InputChangedError(
        f"{name} of {day}",
        found=f"content {found}, changed since {since}",
        expected=expected,
        fix=f"Run `leapline {writer} --date {day}` and the steps after it again.",
    )


def _writer(name: str) -> str:
    dataset = dataset_of(name)
    return dataset.writer if dataset else name
