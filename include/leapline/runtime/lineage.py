"""The versions of code and libraries that produced a model, for its manifest."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import leapline

LIBRARIES = ("pyspark", "numpy", "scikit-learn")


def code_version() -> str:
    """Return the version of the package with a digest of its sources: `0.1.0+3f2a90bc11de`.

    A digest instead of a commit needs no git on the worker and changes with uncommitted edits too.
    """
    return f"{leapline.__version__}+{code_digest()[:12]}"


@cache
def code_digest() -> str:
    """Return the SHA-256 over names and contents of the package's sources, 64 hexadecimal digits."""
    root = Path(leapline.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.suffix in {".py", ".json"}):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that determine the numbers of a model."""
    return {name: version(name) for name in LIBRARIES}
