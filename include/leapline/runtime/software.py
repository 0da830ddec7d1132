"""The bill of materials of an image: what it contains, and the Python packages that made its model (CycloneDX 1.6).

It contains no time, serial number or path, so the same model, code and packages result in the same bytes. The Python
packages have the scope `excluded`, because the image does not contain them.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from leapline import __version__
from leapline.errors import ToolMissingError
from leapline.runtime.go_modules import go_modules

PACKAGE = "leapline"


def bill_of_materials(model_id: str, archive_sha256: str, scorers: Mapping[str, Path]) -> dict[str, Any]:
    """Return the bill of materials of an image.

    Args:
        model_id: of the model.
        archive_sha256: SHA-256 of its archive in hexadecimal.
        scorers: the binary of each architecture; all are compiled from the same modules.

    Raises:
        ToolMissingError: a binary is missing, Go did not compile it, or Leapline is not installed as a package.
    """
    modules = sorted({module for binary in scorers.values() for module in go_modules(binary)}, key=lambda m: m.path)
    go = [_library(m.path, m.version, f"pkg:golang/{m.path}@{m.version}") for m in modules]
    python = [
        _library(name, version, f"pkg:pypi/{name}@{version}") | {"scope": "excluded"}
        for name, version in sorted(python_packages().items())
    ]
    model = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": "model.zip",
        "version": model_id,
        "hashes": [{"alg": "SHA-256", "content": archive_sha256}],
    }
    scorer = {"type": "application", "bom-ref": "scorer", "name": "scorer", "version": __version__}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "container", "bom-ref": "image", "name": "leapline-scorer", "version": model_id}
        },
        "components": [model, scorer, *go, *python],
        "dependencies": [
            {"ref": "image", "dependsOn": ["model", "scorer"]},
            {"ref": "model", "dependsOn": [package["bom-ref"] for package in python]},
            {"ref": "scorer", "dependsOn": [module["bom-ref"] for module in go]},
        ],
    }


@cache
def python_packages() -> dict[str, str]:
    """Return name and version of the installed packages that Leapline depends on, directly or through others.

    Raises:
        ToolMissingError: Leapline itself is not installed as a package.
    """
    from packaging.requirements import Requirement

    versions: dict[str, str] = {}
    visited: set[tuple[str, str]] = set()
    pending = [(PACKAGE, "")]
    while pending:
        name, extra = pending.pop()
        if (name, extra) in visited:
            continue
        visited.add((name, extra))
        try:
            package = distribution(name)
        except PackageNotFoundError as exc:
            if name == PACKAGE:
                raise _not_installed() from exc
            continue  # a requirement of another platform
        versions[name] = package.version
        for text in package.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                pending += [(_normalised(requirement.name), part) for part in ("", *requirement.extras)]
    return versions


def _not_installed() -> ToolMissingError:
    return ToolMissingError(
        f"package {PACKAGE}", found="sources that are not installed", expected="an installed package, which lists what "
        "it requires", fix="Run `make setup`, or `pip install --no-deps .`.",
    )  # fmt: skip


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _library(name: str, version: str, purl: str) -> dict[str, Any]:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
