"""The functions inside Spark's tasks, called without Spark: what happens when the program fails."""

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from leapline.events.clean import CleanOptions
from leapline.events.cleaner.landed import COLUMNS
from leapline.events.cleaner.options import cleaner_options, encoded
from leapline.events.cleaner.program import program_here
from leapline.events.cleaner.tasks import stage_task
from tests.events.lines import DAY, KEY, at, line

OPTIONS = CleanOptions(KEY)
BUCKETS = 4


def scanned(path: Path) -> list[Any]:
    """Return what the first stage makes of a file."""
    row = (0, str(path), ".gz", 0, -1, 0, date(2026, 3, 3))
    batch = pa.RecordBatch.from_pylist([dict(zip(COLUMNS, row, strict=True))])
    batch = batch.cast(
        pa.schema(
            [(name, pa.int32() if name in ("bin", "slice") else batch.schema.field(name).type) for name in COLUMNS]
        )
    )
    options = encoded(cleaner_options(OPTIONS, OPTIONS.window(DAY.date()), (), BUCKETS))
    return list(stage_task("scan", options, str(program_here()))(iter([batch])))


@pytest.fixture(scope="module")
def content() -> bytes:
    """Lines of which the program passes on several megabytes."""
    usual = line("a name", at(10), "s1").encode()
    name = usual.split(b"\t")[6]
    return b"".join(usual.replace(name, b"%032d" % number) + b"\n" for number in range(40_000))


def test_every_line_of_a_large_file_is_passed_on(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "whole.gz").write_bytes(gzip.compress(content, 1))
    batches = scanned(tmp_path / "whole.gz")
    assert sum(batch.nbytes for batch in batches) > 4e6
    assert {name for batch in batches for name in batch.column("part").to_pylist()} == {"rows", "counts"}


def test_truncated_file_is_named_even_after_megabytes_were_passed_on(content: bytes, tmp_path: Path) -> None:
    packed = gzip.compress(content, 1)
    (tmp_path / "cut.gz").write_bytes(packed[: len(packed) * 97 // 100])
    with pytest.raises(RuntimeError, match=r"stage scan: .*reading file \S+/cut.gz failed: unexpected EOF"):
        scanned(tmp_path / "cut.gz")


def test_program_that_dies_within_a_frame_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "program").write_text("#!/bin/sh\nprintf 'B\\004'\necho 'out of memory' >&2\nexit 7\n")
    (tmp_path / "program").chmod(0o700)
    with pytest.raises(RuntimeError, match="leapline cleaner, stage scan: out of memory"):
        list(stage_task("scan", b"{}", str(tmp_path / "program"))(iter([])))
    (tmp_path / "program").write_text("#!/bin/sh\nprintf 'B\\004'\n")
    with pytest.raises(RuntimeError, match="leapline cleaner, stage scan: its output ends within a frame"):
        list(stage_task("scan", b"{}", str(tmp_path / "program"))(iter([])))
