"""Measure training and evaluation at growing numbers of examples.

    python -m benchmarks.training [--examples 10000 100000 1000000] [--out docs/benchmarks] [--work FOLDER]

One generated day is extracted and featurized once. Its visitors are divided by chance into those of a training day and
those of a holdout; larger days repeat them under other names, smaller ones are a part of them. The steps run as in a
nightly run, each in its own process.
"""

import argparse
import json
import math
import tempfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import scale
from benchmarks.scoring import ROOT, machine, report_progress
from leapline.evaluation.document import Heading, Table, Text, to_markdown
from leapline.privacy.pseudonym_keys import FILE as KEY_NOTE
from leapline.storage import Lake, read_json, write_json
from leapline.storage.seal import SEAL, write_data_seal

MEMORY, OPTIONS = "4g", "-XX:+UseParallelGC"
LINES: Final = 1_000_000
"""Of the generated day: about 112,000 examples."""
HOLDOUT, TRAINING = scale.DAY, scale.DAY - timedelta(days=1)
STEPS: Final = ("train", "evaluate")
TABLES: Final = {"events": ("events",), "examples": ("examples", "items"), "checks": ()}
"""The tables of the datasets that both steps read."""
_PREFIX: Final = 4
"""Characters of the names of sessions and visitors that a copy replaces."""


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="benchmarks.training", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".leapline" / "bench", help="folder for the results")
    parser.add_argument(
        "--examples", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="training examples of each size"
    )
    parser.add_argument("--memory", default=MEMORY, help="heap of the Spark driver")
    parser.add_argument("--work", type=Path, help="folder for events and lakes; kept if given")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"machine": machine(), "driver_memory": args.memory, "driver_options": OPTIONS}
    results["sizes"] = []
    with tempfile.TemporaryDirectory(prefix="leapline-training-") as scratch:
        work = args.work or Path(scratch)
        base, env = featurized(work, args.memory)
        for examples in args.examples:
            results["sizes"].append(run(base, work, examples, env))
            # After each size, because the next one takes longer.
            (args.out / "training.json").write_text(json.dumps(results, indent=1) + "\n")
            (args.out / "training.md").write_text(markdown(results))
    print(markdown(results))


def featurized(work: Path, memory: str) -> tuple[Lake, dict[str, str]]:
    """Return a lake with the examples of a generated day, and the environment of the steps."""
    home, env = scale.generated(work, LINES, memory, OPTIONS, wide=False)
    lake = Lake(home)
    if not lake.has("examples", scale.DAY):
        for step in ("extract", "check-events", "featurize"):
            report_progress(f"{step} of {LINES:,} lines")
            scale.leapline(env, step, "--date", str(scale.DAY))
    return lake, env


def run(base: Lake, work: Path, examples: int, env: dict[str, str]) -> dict[str, Any]:
    """Measure one size."""
    home = work / f"lake-of-{examples}-examples"
    report_progress(f"{examples:,} examples of {base.store.address}")
    enlarge(base, Lake(home), examples)
    env = env | {"LEAPLINE_HOME": str(home), "LEAPLINE_TRAINING_DAYS": "1", "LEAPLINE_COMPARE_CHAMPION": "false"}
    steps = {}
    for step in STEPS:
        report_progress(f"{step} with {examples:,} examples")
        steps[step] = scale.measure_step(env, work / "logs", step)
    candidate, evaluation = (Lake(home).current(name, HOLDOUT) for name in ("candidates", "evaluations"))
    training, metrics = read_json(candidate / "training.json"), read_json(evaluation / "metrics.json")
    return {
        "examples": training["examples"],
        "pairs": read_json(candidate / "items" / "training.json")["examples"],
        "holdout_examples": _rows(Lake(home), "examples"),
        "holdout_sessions": metrics["examples"],
        "holdout_pairs": _rows(Lake(home), "items"),
        "largest_tree": metrics["largest_tree"],
        "steps": steps,
    }


def _rows(lake: Lake, table: str) -> int:
    """Return the number of rows of a table of the holdout."""
    return sum(pq.read_metadata(file).num_rows for file in (lake.current("examples", HOLDOUT) / table).iterdir())


def enlarge(base: Lake, target: Lake, examples: int) -> None:
    """Write a training day and a holdout of so many examples each, made of half of the base's visitors each."""
    copies = 2 * examples / read_json(base.current("examples", scale.DAY) / "examples.json")["examples"]
    for day in (TRAINING, HOLDOUT):
        # Names are hexadecimal: those of visitors are divided by the first digit, and copies begin with these letters.
        digits, letter = ("01234567", "s") if day == TRAINING else ("89abcdef", "t")
        for dataset, tables in TABLES.items():
            source = base.copy(base.current(dataset, scale.DAY))
            with target.attempt(dataset, day) as out:
                for file in set(source.glob("*.json")) - {source / SEAL, source / KEY_NOTE}:
                    write_json(out / file.name, read_json(file))
                for name in tables:
                    (out / name).mkdir()
                    table = _with_digits(pq.read_table(source / name), 0, digits)
                    for number in range(math.ceil(copies)):
                        copy = _renamed(_share(table, copies - number), f"{letter}{number:0{_PREFIX - 1}x}")
                        pq.write_table(copy, out / name / f"{number}.parquet", use_deprecated_int96_timestamps=True)
                write_data_seal(target, out, tables, {})


def _with_digits(table: pa.Table, place: int, digits: str) -> pa.Table:
    """Return the rows of visitors whose pseudonym has one of some digits in a place."""
    digit = pc.utf8_slice_codeunits(table["visitor"], place, place + 1)
    return table.filter(pc.is_in(digit, pa.array(list(digits))))


def _share(table: pa.Table, share: float) -> pa.Table:
    """Return the rows of a share of the visitors, to a 65,536th; all of them if it is at least 1."""
    if share >= 1:
        return table
    return table.filter(pc.less(pc.utf8_slice_codeunits(table["visitor"], 1, 5), f"{int(share * 0x10000):04x}"))


def _renamed(table: pa.Table, prefix: str) -> pa.Table:
    for column in ("session", "visitor"):
        rest = pc.utf8_slice_codeunits(table[column], _PREFIX)
        renamed = pc.binary_join_element_wise(pa.scalar(prefix), rest, "")
        table = table.set_column(table.schema.get_field_index(column), column, renamed)
    return table


def markdown(results: dict[str, Any]) -> str:
    """Return the results as Markdown, with one row per size and step."""
    machine, sizes = results["machine"], results["sizes"]
    rows = [(step, *_row(step, before, size)) for step in STEPS for before, size in pairwise([None, *sizes])]
    head = ("step", "examples", "sessions", "pairs", "wall", "core-seconds", "growth per tenfold", "peak memory")
    return to_markdown(
        [
            Heading("Training and evaluation", 1),
            Text(
                f"`make bench-training` on {machine['cores']} cores of {machine['processor']}; the load of the machine "
                f"was {machine['load_before']:.1f} before; with more load than cores, wall times are those of a busy "
                f"machine, and core-seconds count. The Spark driver has {results['driver_memory']} of memory "
                f"and the options `{results['driver_options']}`."
            ),
            Text(
                "`train` fits the session model (60 trees of depth 10) on the examples and the item model (30 trees of "
                "depth 8) on the session-item pairs. `evaluate` scores and measures a holdout of the same size, whose "
                "whole sessions are the third column; there is no champion to compare with. Both times contain the "
                "start of Python and Spark. Peak memory is the largest resident memory of all processes of the step."
            ),
            Text(
                "Growth per tenfold is the factor by which core-seconds grow if the examples grow tenfold, computed "
                "from a size and the one before it. Below 10, fixed costs are a part of the time."
            ),
            Text(
                "The examples are those of one generated day, repeated under other names of sessions and visitors "
                "where a size needs more. Trees of so many repeated examples have as many nodes as their depth allows."
            ),
            Table(head, rows),
            *([Text(results["note"])] if "note" in results else []),
        ]
    )


def _row(step: str, before: dict[str, Any] | None, size: dict[str, Any]) -> tuple[Any, ...]:
    measured, is_training = size["steps"][step], step == "train"
    growth = ""
    if before:
        times, tenfold = (
            math.log(after / earlier)
            for earlier, after in (
                (before["steps"][step]["core_seconds"], measured["core_seconds"]),
                (before["examples"], size["examples"]),
            )
        )
        growth = f"{10 ** (times / tenfold):.1f}"
    return (
        size["examples"] if is_training else size["holdout_examples"],
        "" if is_training else size["holdout_sessions"],
        size["pairs"] if is_training else size["holdout_pairs"],
        f"{measured['seconds']:.0f} s",
        f"{measured['core_seconds']:.0f}",
        growth,
        f"{measured['peak_memory_bytes'] / 2**30:.1f} GB",
    )


if __name__ == "__main__":
    main()
