"""The platforms of images, in OCI's notation."""

import platform
from collections.abc import Mapping
from typing import Final

_NAMES: Final[Mapping[str, str]] = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def host_architecture() -> str:
    """Return this machine's architecture in the notation of OCI images, e.g. `amd64`."""
    return _NAMES.get(platform.machine(), platform.machine())
