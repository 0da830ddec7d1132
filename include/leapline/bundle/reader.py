"""Reading of Bundle.ML archives: strict, and within limits."""

from pathlib import Path

from leapline.bundle.archive import FilePath, read_entries
from leapline.bundle.files import from_files
from leapline.bundle.model import Bundle


def read(path: FilePath) -> Bundle:
    """Read the archive at `path`, written by Leapline, MLeap or `mleap.sklearn`, in JSON or protobuf.

    Raises:
        BundleError: an entry is missing, truncated, malicious or invalid; the error names it.
    """
    return from_files(read_entries(path), Path(path))
