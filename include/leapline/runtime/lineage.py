"""What made a model: code and libraries, as they stand in its manifest."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import leapline

LIBRARIES = ("pyspark", "numpy", "scikit-learn")


@cache
def code_version() -> str:
    """The package's version and a digest of its sources: `0.1.0+3f2a90bc11de`.

    A digest rather than a commit: it needs no git on the worker, and an uncommitted change shows.
    """
    root = Path(leapline.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.suffix in {".py", ".json"}):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return f"{leapline.__version__}+{digest.hexdigest()[:12]}"


def libraries() -> dict[str, str]:
    """The versions of the libraries that decide a model's numbers."""
    return {name: version(name) for name in LIBRARIES}
