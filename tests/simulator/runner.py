"""Run many seeds in several processes, check their histories, and explain what fails."""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from tests.simulator import checker
from tests.simulator.mutations import MUTATIONS, Mutation
from tests.simulator.simulation import Outcome, prepare, simulate

_PROGRESS: Final = 1000
_TAIL: Final = 40
"""Steps of a failed seed that are shown."""


def main() -> int:
    """Run what the arguments say; return the exit status."""
    args = _arguments()
    if args.mutations:
        return _try_mutations(range(args.first, args.first + args.seeds))
    mutations = [mutation for mutation in MUTATIONS if args.mutation and args.mutation in mutation.name]
    if args.seed is not None:
        return _replay(args.seed, mutations)
    with tempfile.TemporaryDirectory(prefix="leapline-simulator-") as folder:
        history = Path(folder) / "history.jsonl"
        seeds = range(args.first, args.first + args.seeds)
        failed = _run(seeds, mutations, args.workers, history)
        checked, text = checker.check(checker.build(Path(folder)), history)
        print(f"linearizability: {text.strip()}")
        for seed in failed[:3]:
            _explain(seed, mutations)
    return int(bool(failed) or not checked)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulator", description="Run seeds, or one of them with its steps."
    )
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="run this seed only, and print its steps")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--mutation", default="", help="put faults with this in their name into the code first")
    parser.add_argument("--mutations", action="store_true", help="put each fault into the code, until a seed fails")
    return parser.parse_args()


def _try_mutations(seeds: range) -> int:
    """Print which seed notices each mutation first; return how many none notices."""
    prepare()
    unnoticed = 0
    for mutation in MUTATIONS:
        with mutation.applied():
            first = next((outcome for outcome in map(simulate, seeds) if outcome.problem), None)
        unnoticed += first is None
        text = f"seed {first.seed}: {first.problem[:160]}" if first else f"NOT NOTICED by {len(seeds)} seeds"
        print(f"{mutation.name}: {text}", flush=True)
    return unnoticed


def _run(seeds: range, mutations: list[Mutation], workers: int, history: Path) -> list[int]:
    """Run seeds in several processes, and write their histories; return those that failed."""
    started, failed, totals = time.monotonic(), list[int](), [0, 0, 0, 0]
    with history.open("w", encoding="utf-8") as file:
        for number, outcome in enumerate(_outcomes(seeds, mutations, workers), 1):
            file.writelines(f"{line}\n" for line in outcome.calls)
            totals = [total + more for total, more in zip(totals, _counts(outcome), strict=True)]
            if outcome.problem:
                failed.append(outcome.seed)
                print(f"seed {outcome.seed}: {outcome.problem}", flush=True)
            if number % _PROGRESS == 0:
                print(f"{number} seeds, {len(failed)} failed, {time.monotonic() - started:.0f} s", flush=True)
    steps, deaths, faults, calls = totals
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(one.ru_utime + one.ru_stime for one in usage)
    print(
        f"{len(seeds)} seeds, {len(failed)} failed: {steps:,} steps, {deaths:,} vanished actors, {faults:,} faults of "
        f"the registry, {calls:,} calls; {seconds:.0f} CPU s, {seconds / max(len(seeds), 1):.3f} a seed"
    )
    return sorted(failed)


def _counts(outcome: Outcome) -> tuple[int, int, int, int]:
    return outcome.steps, outcome.deaths, outcome.faults, len(outcome.calls)


def _outcomes(seeds: Iterable[int], mutations: list[Mutation], workers: int) -> Iterator[Outcome]:
    run = partial(_simulate_chunk, mutations)
    chunks = [list(seeds)[start : start + 25] for start in range(0, len(list(seeds)), 25)]
    if workers == 1:
        yield from chain.from_iterable(map(run, chunks))
        return
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=40) as pool:
        yield from chain.from_iterable(pool.imap(run, chunks))


def _simulate_chunk(mutations: list[Mutation], seeds: list[int]) -> list[Outcome]:
    prepare()
    with ExitStack() as applied:
        for mutation in mutations:
            applied.enter_context(mutation.applied())
        return [simulate(seed) for seed in seeds]


def _replay(seed: int, mutations: list[Mutation]) -> int:
    outcome = _traced(seed, mutations)
    print("\n".join(outcome.trace))
    print(f"seed {seed}, {outcome.steps} steps: {outcome.problem or 'every invariant holds'}")
    return int(bool(outcome.problem))


def _explain(seed: int, mutations: list[Mutation]) -> None:
    outcome = _traced(seed, mutations)
    print("\n".join(["", *outcome.trace[-_TAIL:]]))
    print(f"seed {seed}: {outcome.problem}\nAll steps: make simulate SEED={seed}")


def _traced(seed: int, mutations: list[Mutation]) -> Outcome:
    prepare()
    with ExitStack() as applied:
        for mutation in mutations:
            applied.enter_context(mutation.applied())
        return simulate(seed, trace=True)
