"""Changes and torn writes of one file of a lake at a time, each undone before the next."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from leapline.storage import Lake
from tests.lakes import current_of


def each_change(
    lake: Lake, datasets: tuple[str, ...], key: date | str, *, spared: tuple[str, ...] = ()
) -> Iterator[str]:
    """Make each change and yield its description; the change is undone when the next is asked for.

    Every file of the current attempts gets one other bit in its middle; in each attempt one file is removed, one
    is added, and the pointer names an attempt that does not exist.

    Args:
        lake: a local lake.
        datasets: those with a current attempt are changed.
        key: their key.
        spared: names of files that are left alone.
    """
    for dataset in datasets:
        if not lake.has(dataset, key):
            continue
        folder = current_of(lake, dataset, key)
        files = [f for f in sorted(folder.rglob("*")) if f.is_file() and f.name not in {".lock", *spared}]
        for file in files:
            content = file.read_bytes()
            middle = len(content) // 2
            changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :] if content else b"x"
            yield from _changed(file, changed, content, f"{dataset}: a bit in {file.relative_to(folder)}")
        yield from _removed(files[0], f"{dataset}: {files[0].name} removed")
        yield from _changed(folder / "added", b"", None, f"{dataset}: a file added")
        pointer = folder.parent / "CURRENT"
        content = pointer.read_bytes()
        other = content.replace(folder.name.encode(), b"attempt-000000000000", 1)
        yield from _changed(pointer, other, content, f"{dataset}: CURRENT")


def each_torn(lake: Lake, datasets: tuple[str, ...], key: date | str) -> Iterator[str]:
    """Leave each file of the current attempts, and their pointers, as an interrupted write may leave them.

    Yields a description of each; the file is restored when the next is asked for.

    Args:
        lake: a local lake.
        datasets: those with a current attempt are changed.
        key: their key.
    """
    for dataset in datasets:
        if lake.has(dataset, key):
            folder = current_of(lake, dataset, key)
            files = [f for f in sorted(folder.rglob("*")) if f.is_file() and f.stat().st_size and f.name != ".lock"]
            for file in (*files, folder.parent / "CURRENT"):
                content = file.read_bytes()
                for name, torn in torn_versions(content).items():
                    yield from _changed(file, torn, content, f"{dataset}: {file.name} {name}")


def torn_versions(content: bytes) -> dict[str, bytes]:
    """Return what may be left of a content: nothing, parts from the beginning, and zeros at the end or everywhere."""
    size = len(content)
    lengths = {0, 1, size // 2, size - 2} - {-1, size}
    cut = {f"cut to {length} bytes": content[:length] for length in sorted(lengths)}
    zeros = {f"with {n} zeros at its end": content[: size - n] + bytes(n) for n in {size // 4, size} - {0}}
    return cut | zeros


def _changed(file: Path, content: bytes, before: bytes | None, description: str) -> Iterator[str]:
    file.write_bytes(content)
    try:
        yield description
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)


def _removed(file: Path, description: str) -> Iterator[str]:
    content = file.read_bytes()
    file.unlink()
    try:
        yield description
    finally:
        file.write_bytes(content)
