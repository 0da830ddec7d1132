"""Seeds of the simulator hold every invariant, can be replayed, and notice faults that are put into the code."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.simulator.checker import go
from tests.simulator.mutations import MUTATIONS, Mutation
from tests.simulator.simulation import Outcome, prepare, simulate

SEEDS = 120
"""As many as fit into 15 seconds of CPU; `make simulate` runs 10,000."""
NOTICED = {
    "a promotion does not compare the champion with the verdict's": 4,
    "an older day becomes champion": 4,
    "the ledger is appended to twice": 22,
    "moves do not verify the signature": 17,
    "a rollback needs no papers": 14,
    "an emptied registry counts as a first start": 10,
    "an interrupted move is not completed": 294,
    "a missing line of the ledger is no problem": 18,
    "a later run does not supersede": 1,
    "a promotion that ends is taken for a contradiction": 0,
}
"""Mutations that every run of the tests tries, and the seed that is tried first: one that has noticed it. `make
simulate-mutations` tries all mutations."""
WITHIN = 300
"""Seeds; which one notices a mutation first changes with the code. Most are noticed by one of the first 100."""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "tests.simulator", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_every_invariant_holds_and_histories_are_linearizable() -> None:
    if go() is None:
        pytest.skip("GO MISSING: run `make setup`; no seed was simulated")
    done = run("--seeds", str(SEEDS), "--workers", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SEEDS} seeds, 0 failed" in done.stdout
    assert f"{SEEDS} histories" in done.stdout


def test_seed_has_the_same_steps_each_time() -> None:
    first, second = (simulate(2, trace=True) for _ in range(2))
    assert first.trace == second.trace
    assert first.calls == second.calls
    assert first.steps > 300


def test_seeds_have_deaths_faults_and_concurrent_calls() -> None:
    outcomes: list[Outcome] = [simulate(seed) for seed in range(24)]
    assert sum(outcome.deaths for outcome in outcomes) > 5
    assert sum(outcome.faults for outcome in outcomes) > 5
    assert len({tuple(outcome.calls) for outcome in outcomes}) == 24


@pytest.mark.parametrize(
    "mutation", [mutation for mutation in MUTATIONS if mutation.name in NOTICED], ids=lambda mutation: mutation.name
)
def test_fault_in_the_code_is_noticed(mutation: Mutation) -> None:
    prepare()
    with mutation.applied():
        seeds = (NOTICED[mutation.name], *range(WITHIN))
        seed = next((seed for seed in seeds if simulate(seed).problem), None)
    assert seed is not None
    assert not simulate(seed).problem


def test_failed_seed_is_explained_and_replayed() -> None:
    done = run("--seeds", "20", "--workers", "1", "--mutation", "a move has no intent on disk")
    assert done.returncode == 1
    assert "without an intent on disk" in done.stdout
    assert "make simulate SEED=" in done.stdout
    replayed = run("--seed", "3")
    assert replayed.returncode == 0
    assert "PUT manifests/champion" in replayed.stdout
    assert "every invariant holds" in replayed.stdout
