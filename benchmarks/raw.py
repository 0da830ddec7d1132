"""The least work on a day's landed lines, as references for extract: gunzip, and DuckDB that splits lines.

python -m benchmarks.raw FOLDER    DuckDB's part, with the columns and JSON paths below
"""

import resource
import subprocess
import sys
from pathlib import Path

from leapline.snowplow.enriched import FIELDS

PATHS = (
    ("contexts", "$.data[0].schema"),
    ("contexts", "$.data[0].data.id"),
    ("derived_contexts", "$.data[0].data.spiderOrRobot"),
)
"""JSON columns and the paths of the values that are read from them."""
THREADS = 2


def references(landed: Path) -> dict[str, float]:
    """Return the processor seconds of `gunzip` and `duckdb` for the gzip files of a landing folder."""
    files = sorted(map(str, landed.glob("run=*/*.gz")))
    return {
        "gunzip": _core_seconds(["gzip", "-dc", *files]),
        "duckdb": _core_seconds([sys.executable, "-m", "benchmarks.raw", str(landed)]),
    }


def split(landed: Path) -> tuple[int, ...]:
    """Split the lines of a landing folder into columns and read values from JSON; return counts of values."""
    import duckdb

    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in FIELDS)
    values = [f'count("{name}")' for name in FIELDS]
    values += [f"count(json_extract_string({column}, '{path}'))" for column, path in PATHS]
    # Paths and columns are our own, not a user's.
    files = f"{landed}/run=*/*.gz"
    query = (
        f"SELECT count(*), {', '.join(values)} FROM read_csv('{files}', delim = '\t', quote = '', escape = '', "  # noqa: S608
        f"header = false, ignore_errors = true, auto_detect = false, max_line_size = 16000000, columns = {{{columns}}})"
    )
    counts: tuple[int, ...] = duckdb.connect(config={"threads": THREADS}).execute(query).fetchone() or ()
    return counts


def _core_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1)


if __name__ == "__main__":
    print(split(Path(sys.argv[1]))[0], "lines")
