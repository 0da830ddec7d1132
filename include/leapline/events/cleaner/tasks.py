"""What runs inside Spark's tasks: the program `cleaner`, fed and read through pipes.

Executors need Python with PyArrow, but not Leapline: Spark sends these functions to them by value, and the program as a
file. The form of what goes through the pipes is described in `include/cleaner/internal/frames`.
"""

import platform
import struct
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

BLOCKS: Final = "part string, bucket int, block binary"
"""The columns between two stages: rows of a bucket in binary form, or others of its parts; see `parts.go`."""
COUNTS: Final = "counts"
"""The part with the counts of a task, as JSON."""
_PIPE: Final = 1 << 20
"""Bytes that a pipe can hold, if the system allows it: fewer switches between the two processes."""

ArrowTask = Callable[[Iterable[Any]], Iterator[Any]]
Columns = tuple[tuple[str, str], ...]

_KINDS: Final = {"int32": b"i", "int64": b"l", "double": b"d", "binary": b"s", "string": b"s"}
"""The letters of Arrow's types in the frames of the program."""
_LAYOUTS: Final = {
    "int": "int32", "boolean": "int32", "bigint": "int64", "timestamp": "int64", "double": "float64",
    "binary": "binary", "string": "string",
}  # fmt: skip
"""Spark's types, and Arrow's types of the same layout in which the program sends them."""


def stage_task(stage: str, options: bytes, program: str, columns: Columns = ()) -> ArrowTask:
    """Return the function of a stage for `DataFrame.mapInArrow`.

    Args:
        stage: its name.
        options: of the program, JSON.
        program: the path of the program, or the name under which Spark has sent it, with `{machine}` in it.
        columns: names and Spark's types of the columns of the stage's table; none if it returns `BLOCKS`.

    The first stage reads the columns `line`, `slice` and `landed_on`, those of `landed.COLUMNS`, or those of
    `typed.TYPED`; the stage `examples` reads clean events, all others `BLOCKS`.
    Counts of earlier stages are passed on.
    """

    def task(batches: Iterable[Any]) -> Iterator[Any]:
        passed: list[bytes] = []
        command = [_path(program), stage]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            messages: list[bytes] = []
            errors: list[BaseException] = []
            _enlarge(process.stdin, process.stdout)
            feeder = threading.Thread(target=_feed, args=(process.stdin, options, batches, passed, errors), daemon=True)
            listener = threading.Thread(target=_listen, args=(process.stderr, messages), daemon=True)
            feeder.start()
            listener.start()
            incomplete = ""
            try:
                yield from _results(process.stdout, columns)
            except EOFError as exc:  # the program's status and messages say more
                incomplete = f"{exc}"
            except BaseException:  # Spark may stop reading early
                process.kill()
                raise
            feeder.join()
            listener.join()
            status = process.wait()
        if errors and not isinstance(errors[0], BrokenPipeError):
            raise errors[0]
        if status:
            raise RuntimeError(
                f"leapline cleaner, stage {stage}: {b''.join(messages).decode(errors='replace')[-2000:]}"
            )
        if incomplete:
            raise RuntimeError(f"leapline cleaner, stage {stage}: {incomplete}")
        if passed and not columns:
            yield from (_row(COUNTS, 0, block) for block in passed)

    return task


def _path(program: str) -> str:
    from pathlib import Path

    from pyspark import SparkFiles

    if program.startswith("/"):
        return program
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    path = Path(SparkFiles.get(program.format(machine=machine)))
    if not path.exists():
        raise RuntimeError(f"leapline cleaner: there is no program for executors with {platform.machine()} processors")
    return str(path)


def _enlarge(*pipes: Any) -> None:
    try:
        import fcntl

        for pipe in pipes:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
    except (ImportError, AttributeError, OSError):  # not on Linux, or beyond a user's limit
        return


def _feed(pipe: Any, options: bytes, batches: Iterable[Any], passed: list[bytes], errors: list[BaseException]) -> None:
    """Write options and frames; the counts of earlier stages go into `passed`."""
    try:
        with pipe:
            pipe.write(struct.pack("<I", len(options)) + options)
            for batch in batches:
                if "line" in batch.schema.names:
                    _write_lines(pipe, batch)
                elif "fields" in batch.schema.names:
                    _write_events(pipe, batch)
                elif "path" in batch.schema.names:
                    _write_files(pipe, batch)
                elif "event_id" in batch.schema.names:
                    _write_table(pipe, batch)
                else:
                    _write_blocks(pipe, batch, passed)
    except BaseException as exc:  # raised again by the task
        errors.append(exc)


def _write_lines(pipe: Any, batch: Any) -> None:
    """Write a batch of lines. The buffers of Arrow are written as they are."""
    import numpy as np

    if not batch.num_rows:
        return
    line = batch.column("line")
    _, offsets, data = line.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32, offset=4 * line.offset, count=len(line) + 1)
    first, last = int(ends[0]), int(ends[-1])
    pipe.write(b"L" + struct.pack("<I", len(line)))
    pipe.write(_numbers(batch.column("slice")))
    pipe.write(_numbers(batch.column("landed_on")))
    pipe.write((ends[1:] - first).astype(np.uint32).tobytes())
    if last > first:
        pipe.write(memoryview(data)[first:last])


def _write_files(pipe: Any, batch: Any) -> None:
    from datetime import date

    for row in batch.to_pylist():
        day = (row["landed_on"] - date(1970, 1, 1)).days
        pipe.write(b"F" + struct.pack("<iiqq", row["slice"], day, row["first"], row["last"]))
        for text in (row["path"].encode(), row["extension"].encode()):
            pipe.write(struct.pack("<I", len(text)) + text)


def _write_events(pipe: Any, batch: Any) -> None:
    """Write a batch of events of typed columns; each has the same number of fields."""
    import numpy as np
    import pyarrow as pa

    if not batch.num_rows:
        return
    pipe.write(b"K" + struct.pack("<I", batch.num_rows))
    for name in ("slice", "landed_on"):
        pipe.write(_numbers(batch.column(name)))
    for name in ("hash", "collector", "derived"):
        pipe.write(batch.column(name).fill_null(-(2**63)).to_numpy().tobytes())
    # A copy starts at its buffers' beginning, whatever part of other buffers Spark has sent.
    fields = pa.concat_arrays([batch.column("fields").flatten()])
    valid = fields.is_valid().to_numpy(zero_copy_only=False)
    _, offsets, data = fields.cast(pa.binary()).buffers()
    ends = np.frombuffer(offsets, dtype=np.int32, count=len(fields) + 1)
    pipe.write(struct.pack("<I", len(fields) // batch.num_rows))
    pipe.write((ends[1:] - ends[0]).astype(np.uint32).tobytes())
    pipe.write(np.packbits(valid, bitorder="little").tobytes())
    if ends[-1] > ends[0]:
        pipe.write(memoryview(data)[int(ends[0]) : int(ends[-1])])


def _write_table(pipe: Any, batch: Any) -> None:
    """Write columns. The buffers of Arrow are written as they are."""
    import pyarrow as pa

    pipe.write(b"T" + struct.pack("<II", batch.num_rows, batch.num_columns))
    for column in batch.columns:
        # A copy starts at its buffers' beginning, whatever part of other buffers Spark has sent.
        copied = pa.concat_arrays([column, column[:0]]) if column.offset else column
        pipe.write(_KINDS[str(column.type)])
        for buffer in copied.buffers():
            pipe.write(struct.pack("<I", buffer.size if buffer else 0))
            if buffer:
                pipe.write(buffer)


def _numbers(column: Any) -> bytes:
    import numpy as np

    values = np.frombuffer(column.buffers()[1], dtype=np.int32, offset=4 * column.offset, count=len(column))
    return values.tobytes()


def _write_blocks(pipe: Any, batch: Any, passed: list[bytes]) -> None:
    for part, bucket, block in zip(*(batch.column(name) for name in ("part", "bucket", "block")), strict=True):
        name, content = part.as_py().encode(), block.as_buffer()
        if name == COUNTS.encode():
            passed.append(content.to_pybytes())
            continue
        pipe.write(b"B" + struct.pack("<I", len(name)) + name + struct.pack("<II", bucket.as_py(), content.size))
        pipe.write(content)


def _listen(pipe: Any, messages: list[bytes]) -> None:
    messages.extend(iter(lambda: pipe.read(4096), b""))


def _results(pipe: Any, columns: Columns) -> Iterator[Any]:
    while kind := pipe.read(1):
        if kind == b"B":
            part = _sized(pipe).decode()
            bucket, size = struct.unpack("<II", _exactly(pipe, 8))
            yield _row(part, bucket, _exactly(pipe, size))
        else:
            yield _table(pipe, columns)


def _row(part: str, bucket: int, block: bytes) -> Any:
    import pyarrow as pa

    columns = [pa.array([part], pa.string()), pa.array([bucket], pa.int32()), pa.array([block], pa.binary())]
    return pa.RecordBatch.from_arrays(columns, ["part", "bucket", "block"])


def _table(pipe: Any, columns: Columns) -> Any:
    import pyarrow as pa

    rows, number = struct.unpack("<II", _exactly(pipe, 8))
    if number != len(columns):
        raise RuntimeError(f"leapline cleaner: its table has {number} columns, expected {len(columns)}")
    arrays = []
    for name, type_ in columns:
        layout = getattr(pa, _LAYOUTS[type_])()
        kind, expected = _exactly(pipe, 1), _KINDS[str(layout)]
        if kind != expected:
            raise RuntimeError(f"leapline cleaner: its column {name} has the kind {kind!r}, expected {expected!r}")
        buffers = [pa.py_buffer(_sized(pipe)) for _ in range(3 if kind == b"s" else 2)]
        array = pa.Array.from_buffers(layout, rows, buffers)
        if type_ == "boolean":
            array = array.cast(pa.bool_())
        elif type_ == "timestamp":
            array = array.view(pa.timestamp("us", tz="UTC"))
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, [name for name, _ in columns])


def _sized(pipe: Any) -> bytes:
    return _exactly(pipe, struct.unpack("<I", _exactly(pipe, 4))[0])


def _exactly(pipe: Any, size: int) -> bytes:
    content: bytes = pipe.read(size)
    if len(content) != size:
        raise EOFError("its output ends within a frame")
    return content
