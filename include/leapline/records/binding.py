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
from leapline.errors import InputChangedError
from leapline.storage import Lake, read_json, write_json
from leapline.storage.seal import SEAL, digest_of

__all__ = ["SEAL", "candidate_digest", "checked_inputs", "digest_of", "seal"]


def seal(lake: Lake, folder: Path, inputs: Mapping[str, str]) -> None:
    """Write the seal of a folder; the last thing that a step writes into its attempt.

    Args:
        lake: has the attempt.
        folder: the attempt.
        inputs: digest of each dataset that the step has read, by name.
    """
    write_json(folder / SEAL, {"digest": digest_of(lake, folder), "inputs": dict(inputs)})


def candidate_digest(lake: Lake, day: date) -> dict[str, str]:
    """Return the digest of the day's candidate as an input, checked if it is sealed.

    Raises:
        NotInLakeError: no candidate of that day.
        InputChangedError: the candidate was changed since it was trained.
    """
    folder = lake.current("candidates", day)
    if (folder / SEAL).exists():
        return checked_inputs(lake, "candidates", day)
    return {"candidates": digest_of(lake, folder)}


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
        raise InputChangedError(
            f"{dataset} of {day}",
            found="no digests of its inputs, because an earlier version of Leapline wrote it",
            expected=f"a {SEAL}",
            fix=f"Judge the day again: `leapline evaluate --date {day}` and the steps after it.",
        )
    recorded = read_json(folder / SEAL)
    _require_same(dataset, day, digest_of(lake, folder), recorded["digest"], dataset)
    for name, digest in recorded["inputs"].items():
        _require_same(name, day, digest_of(lake, lake.current(name, day)), digest, dataset)
    inputs: dict[str, str] = recorded["inputs"]
    return {**inputs, dataset: recorded["digest"]}


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
