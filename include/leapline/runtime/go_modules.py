"""The modules that a Go program was compiled from, which its binary contains; like `go version -m`, without Go.

Source: Go's package debug/buildinfo (the inline format since Go 1.18).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leapline.errors import ToolMissingError

_MAGIC: Final = b"\xff Go buildinf:"
_HEADER_SIZE: Final = 32
_SENTINEL_SIZE: Final = 16
"""Go encloses the list of modules in two markers of this size."""
_INLINE: Final = 2


@dataclass(frozen=True)
class GoModule:
    """A module.

    Attributes:
        path: such as `github.com/google/go-cmp`; `stdlib` for Go's own packages.
        version: without the `v`.
    """

    path: str
    version: str


def go_modules(binary: Path) -> list[GoModule]:
    """Return Go's standard library and the modules that a program depends on, sorted by path.

    Raises:
        ToolMissingError: there is no such file, or it is no program that Go has compiled.
    """
    version, listing = _read(binary)
    modules = [GoModule("stdlib", version.removeprefix("go").split()[0])]
    for line in listing.splitlines():
        kind, _, rest = line.partition("\t")
        if kind == "dep":
            modules.append(_module(rest))
        elif kind == "=>":
            modules[-1] = _module(rest)
    return sorted(modules, key=lambda module: module.path)


def main_package(binary: Path) -> tuple[str, GoModule]:
    """Return a program's main package, and the module that contains it; its version is `(devel)` outside of a release.

    Raises:
        ToolMissingError: as `go_modules`.
    """
    kinds = dict(line.split("\t", 1) for line in reversed(_read(binary)[1].splitlines()) if "\t" in line)
    return kinds["path"], _module(kinds["mod"])


def _read(binary: Path) -> tuple[str, str]:
    """Return Go's version and the list of modules of a program."""
    try:
        return _build_info(binary.read_bytes())
    except (OSError, ValueError, IndexError) as exc:
        raise ToolMissingError(
            f"{binary.name} {binary}", found=str(exc), expected="a program compiled by Go 1.18 or later",
            fix="Run `make setup`.",
        ) from exc  # fmt: skip


def _module(text: str) -> GoModule:
    path, version, *_ = text.split("\t")
    return GoModule(path, version.removeprefix("v"))


def _build_info(content: bytes) -> tuple[str, str]:
    """Return Go's version and the list of modules."""
    match = next((m for m in re.finditer(re.escape(_MAGIC), content) if m.start() % _SENTINEL_SIZE == 0), None)
    if match is None or not content[match.start() + 15] & _INLINE:
        raise ValueError("no build information of Go")
    version, position = _text(content, match.start() + _HEADER_SIZE)
    listing, _ = _text(content, position)
    return version.decode(), listing[_SENTINEL_SIZE:-_SENTINEL_SIZE].decode()


def _text(content: bytes, position: int) -> tuple[bytes, int]:
    """Return a text that is preceded by its length, a varint, and the position after it."""
    length = shift = 0
    while True:
        byte = content[position]
        position += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return content[position : position + length], position + length
