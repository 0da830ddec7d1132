"""The local registry: CNCF Distribution on a loopback port, its blobs and tags stored in a folder.

The folder contains `data/` and `config.yml`, besides what every local service has (`leapline.local.service`).
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from leapline.errors import RegistryError, SettingsError
from leapline.local.service import LocalService, Status, write_private
from leapline.serving.registry import LOOPBACK
from leapline.settings import Settings

_CONFIG = """\
# Written by `leapline`: configuration of the local registry.
version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {data}
  delete:
    enabled: true
http:
  addr: {address}
  secret: {secret}
"""


class LocalRegistry(LocalService):
    """The registry of one folder.

    Args:
        folder: where its data, configuration and log are; created at the first start.
        binary: the compiled `registry`.
        address: loopback `host:port` to listen on.
    """

    title = "local registry"
    health_path = "/v2/"
    setting = "LEAPLINE_REGISTRY"
    stop_hint = " (`leapline registry stop`)"
    install_command = "make setup"
    start_error = RegistryError

    def __init__(self, folder: Path, binary: Path, address: str = "127.0.0.1:5055") -> None:
        super().__init__(folder, binary, address)

    def start(self) -> Status:
        """Start the registry unless it is running already, and wait until it answers.

        Raises:
            PortTakenError: another process listens on the port, or this folder's registry runs at another address.
            RegistryError: it exited or did not answer; the message contains its log tail.
            ToolMissingError: the `registry` binary is missing.
        """
        return self.ensure_running()

    def prepare(self) -> list[str]:
        """Write the configuration; return the registry's arguments."""
        config, data = self.folder / "config.yml", json.dumps(str(self.folder / "data"))
        write_private(config, _CONFIG.format(data=data, address=self.address, secret=secrets.token_hex(16)))
        return ["serve", str(config)]

    def process_environment(self) -> Mapping[str, str]:
        """Return this process's environment, without the export of traces."""
        return os.environ | {"OTEL_TRACES_EXPORTER": "none"}


def local_registry(settings: Settings) -> LocalRegistry:
    """Return the local registry of an installation: in `<home>/registry`, at the configured address.

    Raises:
        SettingsError: the configured registry is not on this machine.
    """
    if settings.registry.rsplit(":", 1)[0] not in LOOPBACK:
        raise SettingsError(
            "LEAPLINE_REGISTRY",
            found=settings.registry,
            expected="a loopback address such as 127.0.0.1:5055 for the local registry",
            fix="Start that registry yourself, or unset the variable.",
        )
    return LocalRegistry(settings.home / "registry", settings.tools / "bin" / "registry", settings.registry)
