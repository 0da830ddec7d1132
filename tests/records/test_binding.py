"""Seals: a step's result and everything it was made of have to be unchanged."""

from datetime import date
from pathlib import Path

import pytest

from leapline.errors import InputChangedError, NotInLakeError
from leapline.records import binding
from leapline.storage import Lake

DAY = date(2026, 3, 1)
CHAIN = ("candidates", "evaluations", "verdicts", "packages", "probes")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in which every step has sealed one file and one file in a folder."""
    lake, inputs = Lake(tmp_path), dict[str, str]()
    for dataset in CHAIN:
        with lake.attempt(dataset, DAY) as out:
            (out / "deep").mkdir()
            (out / "a.json").write_text(dataset)
            (out / "deep" / "b.json").write_text("b")
            binding.seal(lake, out, inputs)
        inputs = binding.checked_inputs(lake, dataset, DAY)
    return lake


def test_unchanged_chain_returns_every_digest(lake: Lake) -> None:
    inputs = binding.checked_inputs(lake, "probes", DAY)
    assert set(inputs) == set(CHAIN)
    assert len(set(inputs.values())) == len(CHAIN)


@pytest.mark.parametrize("dataset", CHAIN)
@pytest.mark.parametrize("change", ["edited", "added", "removed", "renamed"])
def test_change_is_rejected_with_the_step_to_repeat(lake: Lake, dataset: str, change: str) -> None:
    folder = lake.current(dataset, DAY)
    if change == "edited":
        (folder / "a.json").write_text("changed")
    elif change == "added":
        (folder / "c.json").write_text("")
    elif change == "removed":
        (folder / "deep" / "b.json").unlink()
    else:
        (folder / "a.json").rename(folder / "z.json")
    with pytest.raises(InputChangedError, match=f"{dataset} of 2026-03-01: found content sha256:.*leapline .*again"):
        binding.checked_inputs(lake, "probes", DAY)


def test_repeated_step_is_rejected(lake: Lake) -> None:
    with lake.attempt("candidates", DAY) as out:
        (out / "a.json").write_text("another")
        binding.seal(lake, out, {})
    with pytest.raises(InputChangedError, match="candidates of 2026-03-01.*leapline train"):
        binding.checked_inputs(lake, "evaluations", DAY)


def test_result_of_an_earlier_version_requires_a_new_verdict(lake: Lake) -> None:
    (lake.current("verdicts", DAY) / binding.SEAL).unlink()
    with pytest.raises(InputChangedError, match="earlier version of Leapline.*leapline evaluate --date 2026-03-01"):
        binding.checked_inputs(lake, "verdicts", DAY)


def test_candidate_of_an_earlier_version_has_to_be_trained_again(lake: Lake) -> None:
    (lake.current("candidates", DAY) / binding.SEAL).unlink()
    with pytest.raises(InputChangedError, match="earlier version of Leapline.*leapline train --date 2026-03-01"):
        binding.candidate_digest(lake, DAY)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"digest": 1, "inputs": 2}'])
def test_damaged_seal_is_rejected(lake: Lake, content: str) -> None:
    (lake.current("probes", DAY) / binding.SEAL).write_text(content)
    with pytest.raises(InputChangedError, match=r"probes of 2026-03-01: found a damaged seal.json.*leapline probe"):
        binding.checked_inputs(lake, "probes", DAY)


def test_missing_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotInLakeError, match="leapline gate --date 2026-03-01"):
        binding.checked_inputs(Lake(tmp_path), "verdicts", DAY)
