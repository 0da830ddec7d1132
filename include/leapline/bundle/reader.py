"""Reads a Bundle.ML archive, strictly and within limits."""

from pathlib import Path

from leapline.bundle.archive import read_entries
from leapline.bundle.files import from_files
from leapline.bundle.model import Bundle


def read(path: Path) -> Bundle:
    """The bundle in the zip at `path`, whoever wrote it: us, MLeap or `mleap.sklearn`, JSON or protobuf.

    Raises:
        BundleError: names the entry that is missing, cut, hostile or wrong.
    """
    return from_files(read_entries(path), path)
