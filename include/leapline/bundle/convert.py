"""JSON to protobuf and back."""

from dataclasses import replace
from pathlib import Path

from leapline.bundle.archive import write_entries
from leapline.bundle.files import to_files
from leapline.bundle.model import Format
from leapline.bundle.reader import read


def convert(source: Path, target: Path, format: Format) -> str:
    """Writes the bundle at `source` to `target` in `format`, canonically, extra entries and all names kept.

    Gives the new archive's SHA-256, hex.

    Raises:
        BundleError: `source` is not a whole bundle, or JSON cannot hold one of its values.
    """
    return write_entries(target, to_files(replace(read(source), format=format)))
