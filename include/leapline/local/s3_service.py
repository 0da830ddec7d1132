"""A local S3 server for the demo and the tests: versitygw on a loopback port, its buckets stored in a folder.

The folder contains `data/` (one folder per bucket, on a file system with extended attributes), `keys.json` (the root
keys) and what every local service has (`leapline.local.service`). It is not meant for production.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leapline.errors import LocalServiceError
from leapline.local.service import LocalService, write_private

REGION: Final = "us-east-1"


@dataclass(frozen=True)
class Credentials:
    """The root keys of a local S3 server."""

    access_key: str
    secret_key: str


class LocalS3(LocalService):
    """The S3 server of one folder.

    Args:
        folder: where its buckets, keys and log are; created at the first start.
        binary: the compiled `versitygw`.
        address: loopback `host:port` to listen on.
    """

    title = "local S3 server"
    health_path = "/-/healthy"
    setting = "LEAPLINE_S3_ENDPOINT"
    scheme = "http://"
    install_command = "scripts/setup.sh s3"

    def __init__(self, folder: Path, binary: Path, address: str) -> None:
        super().__init__(folder, binary, address)

    @property
    def endpoint(self) -> str:
        """The server's URL."""
        return f"{self.scheme}{self.address}"

    @property
    def credentials(self) -> Credentials:
        """The root keys, created at the first start and kept for later ones.

        Raises:
            LocalServiceError: the server was never started in this folder.
        """
        try:
            return Credentials(**json.loads(self._keys.read_text()))
        except FileNotFoundError as exc:
            raise LocalServiceError(
                f"keys of the {self.title}", found=f"no {self._keys}", expected="a server that was started before",
                fix="Start it first.",
            ) from exc  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which Leapline, boto3 and Spark use this server."""
        keys = self.credentials
        return {
            "LEAPLINE_S3_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_REGION": REGION,
        }

    def start(self) -> str:
        """Start the server unless it is running already, wait until it answers, and return its endpoint.

        Raises:
            PortTakenError: another process listens on the port, or this folder's server runs at another address.
            LocalServiceError: it exited or did not answer; the message contains its log tail.
            ToolMissingError: the `versitygw` binary is missing.
        """
        self.ensure_running()
        return self.endpoint

    def create_bucket(self, name: str) -> None:
        """Create a bucket unless it exists already."""
        client = self.client()
        if name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=name)

    def client(self) -> Any:
        """Return a boto3 client with the root keys."""
        import boto3
        from botocore.config import Config

        keys = self.credentials
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key, config=Config(s3={"addressing_style": "path"}, proxies={}),
        )  # fmt: skip

    def prepare(self) -> list[str]:
        """Create the folders and, at the first start, the root keys; return the server's arguments."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        _require_attributes(data)
        if not self._keys.exists():
            keys = {"access_key": secrets.token_hex(10).upper(), "secret_key": secrets.token_hex(20)}
            write_private(self._keys, json.dumps(keys))
        # ETags in extended attributes change together with the content. In a metadata folder (`--sidecar`) they do not,
        # and two conditional writes can then both succeed.
        server = ["--port", self.address, "--region", REGION, "--health", self.health_path, "--quiet", "--keep-alive"]
        return [*server, "posix", str(data)]

    def process_environment(self) -> Mapping[str, str]:
        """Return the root keys, without any other configuration of versitygw."""
        keys = self.credentials
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("VGW_")}
        return inherited | {"ROOT_ACCESS_KEY_ID": keys.access_key, "ROOT_SECRET_ACCESS_KEY": keys.secret_key}

    @property
    def _keys(self) -> Path:
        return self.folder / "keys.json"


def _require_attributes(folder: Path) -> None:
    """Raise an error if the folder's file system has no extended attributes, in which the server keeps ETags."""
    if not hasattr(os, "setxattr"):  # Python has it on Linux only.
        return
    try:
        os.setxattr(folder, "user.leapline", b"1")
    except OSError as exc:
        raise LocalServiceError(
            f"folder of the local S3 server {folder}",
            found=f"a file system without extended attributes ({exc.strerror})",
            expected="one that has them, such as ext4 or xfs",
            fix="Put LEAPLINE_HOME on another file system.",
        ) from exc
