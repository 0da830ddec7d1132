"""Conversion between the JSON and the protobuf format."""

from dataclasses import replace

from leapline.bundle.archive import FilePath, write_entries
from leapline.bundle.files import to_files
from leapline.bundle.model import Format
from leapline.bundle.reader import read


def convert(source: FilePath, target: FilePath, format: Format) -> str:
    """Write the bundle at `source` to `target` in `format`; extra entries and all names are kept.

    Returns:
        The SHA-256 of the new archive, in hexadecimal digits.

    Raises:
        BundleError: `source` is not a valid bundle, or JSON cannot represent one of its values.
    """
    return write_entries(target, to_files(replace(read(source), format=format)))
