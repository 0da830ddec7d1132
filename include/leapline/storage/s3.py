"""A store in an S3 bucket, or in a bucket of a service that speaks S3's protocol with conditional writes.

Requests go through obstore; credentials come from boto3's chain (environment, profile, container, instance), and are
asked for again before they expire. docs/decisions/0006-object-store-client.md has the comparison with other clients.
"""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import SettingsError
from leapline.storage.lease import lease
from leapline.storage.s3_errors import named_s3_errors
from leapline.storage.store import Item, Level, Store, Stored

if TYPE_CHECKING:
    from boto3 import Session
    from obstore import ObjectMeta
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import BackoffConfig, ClientConfig, S3Config
    from obstore.store import S3Store as Client

CONNECT_TIMEOUT: Final = timedelta(seconds=5)
READ_TIMEOUT: Final = timedelta(seconds=20)
"""Maximum time without a byte of the answer."""
REQUEST_TIMEOUT: Final = timedelta(minutes=5)
"""Of one request, which may transfer a large file."""
RETRY_TIMEOUT: Final = timedelta(seconds=60)
BACKOFF: Final["BackoffConfig"] = {
    "init_backoff": timedelta(seconds=0.2),
    "max_backoff": timedelta(seconds=8),
    "base": 2,
}
CREDENTIALS_TTL: Final = timedelta(minutes=1)
CA_VARIABLES: Final = ("AWS_CA_BUNDLE", "SSL_CERT_FILE")
"""Environment variables that name a file of further certificate authorities."""
_ADDRESS: Final = re.compile(r"s3a?://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_AT_ONCE: Final = 16
"""Requests that are made at the same time."""


@dataclass(frozen=True)
class S3Options:
    """How a bucket is reached.

    Attributes:
        endpoint: URL of the service; AWS if empty.
        region: of the bucket; the profile's or `AWS_REGION` if empty.
    """

    endpoint: str = ""
    region: str = ""


class S3Store:
    """A bucket, or the keys below a prefix of it.

    Args:
        address: `s3://bucket` or `s3://bucket/prefix`.
        options: how the bucket is reached.

    Raises:
        SettingsError: the address has another form.
    """

    folder = None

    def __init__(self, address: str, options: S3Options | None = None) -> None:
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise SettingsError(
                f"address {address}",
                found="a URL of another form",
                expected="s3://bucket or s3://bucket/prefix",
                fix="Correct the setting.",
            )
        self.bucket, self.prefix = match["bucket"], (match["prefix"] or "").strip("/")
        self.options = options or S3Options()

    @property
    def address(self) -> str:
        """The bucket and prefix as a URL."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def spark_address(self, key: str) -> str:
        """Return the address of a table for Hadoop's S3 connector."""
        return f"s3a{self.address.removeprefix('s3')}/{key}"

    def list(self, prefix: str = "") -> Iterator[Item]:
        """Yield the objects below a folder, in the order of their keys."""
        import obstore

        entries, previous = (entry for chunk in obstore.list(self._client, prefix or None) for entry in chunk), None
        with self._named(prefix):
            for item in map(_item, entries):
                if previous and not _is_folder_marker(previous, prefix, item):
                    yield previous
                previous = item
        if previous is None:
            self._require_bucket()
        elif not _is_folder_marker(previous, prefix):
            yield previous

    def scan(self, prefix: str = "") -> Level:
        """Return the common prefixes and objects directly below a folder."""
        import obstore

        with self._named(prefix):
            level = obstore.list_with_delimiter(self._client, prefix or None)
        folders = [name.rpartition("/")[2] for name in level["common_prefixes"]]
        items = [item for item in map(_item, level["objects"]) if not _is_folder_marker(item, prefix)]
        if not folders and not items:
            self._require_bucket()
        return Level(folders, items)

    def exist(self, keys: Sequence[str]) -> Sequence[bool]:
        """Return for each key whether there is an object; several are asked for at the same time."""
        if not keys:
            return []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._exists, keys))

    def get(self, key: str) -> Stored | None:
        """Return an object; its version is its ETag."""
        import obstore

        with suppress(FileNotFoundError), self._named(key):
            response = obstore.get(self._client, key)
            return Stored(bytes(response.bytes()), response.meta["e_tag"] or "")
        return None

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return a part of an object."""
        import obstore

        with self._named(key):
            return bytes(obstore.get_range(self._client, key, start=start, length=length))

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self._put(key, content, "overwrite")

    def put_if_absent(self, key: str, content: bytes) -> bool:
        """Write an object unless there is one (`If-None-Match: *`)."""
        return self._put(key, content, "create") is not None

    def put_if_match(self, key: str, content: bytes, version: str) -> bool:
        """Replace an object while its ETag is `version` (`If-Match`)."""
        return self._put(key, content, {"e_tag": version}) is not None

    def touch(self, key: str) -> bool:
        """Write an object again, unchanged."""
        present = self.get(key)
        return present is not None and self.put_if_match(key, present.content, present.version)

    def delete(self, key: str) -> None:
        """Remove an object."""
        import obstore

        with suppress(FileNotFoundError), self._named(key):
            obstore.delete(self._client, key)

    def delete_folder(self, prefix: str) -> None:
        """Remove all objects below a folder."""
        import obstore

        keys = [item.key for item in self.list(prefix)]
        with self._named(prefix):
            if keys:
                obstore.delete(self._client, keys)

    def download(self, key: str, path: Path) -> bool:
        """Copy an object to a local file."""
        import obstore

        with suppress(FileNotFoundError), self._named(key):
            response = obstore.get(self._client, key)
            with path.open("wb") as file:
                for chunk in response.stream():
                    file.write(chunk)
            return True
        return False

    def upload(self, key: str, path: Path) -> None:
        """Copy a local file into the bucket, in parts if it is large."""
        import obstore

        with self._named(key):
            obstore.put(self._client, key, path)

    def link(self, source: Store, source_key: str, key: str) -> None:
        """Copy an object inside the service, or upload a local file."""
        if source.folder is not None:
            self.upload(key, source.folder / source_key)
        elif isinstance(source, S3Store):
            with self._named(key):
                self._boto3.copy(
                    {"Bucket": source.bucket, "Key": source.full_key(source_key)}, self.bucket, self.full_key(key)
                )

    def full_key(self, key: str) -> str:
        """Return an object's key in its bucket."""
        return f"{self.prefix}/{key}".lstrip("/")

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold a lease."""
        return lease(self, key)

    def _put(self, key: str, content: bytes, mode: Any) -> str | None:
        """Write an object on a condition; return its ETag, or None if the condition was not met."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        # FileNotFoundError: the object to replace was removed.
        with suppress(FileNotFoundError), self._named(key), suppress(AlreadyExistsError, PreconditionError):
            return obstore.put(self._client, key, content, mode=mode)["e_tag"] or ""
        return None

    def _exists(self, key: str) -> bool:
        import obstore

        with suppress(FileNotFoundError), self._named(key):
            obstore.head(self._client, key)
            return True
        return False

    def _require_bucket(self) -> None:
        """Raise an error if there is no bucket: the client lists a missing bucket as an empty one."""
        self.get("leapline-asks-for-the-bucket")

    def _named(self, key: str) -> AbstractContextManager[None]:
        return named_s3_errors(f"{self.address}/{key}".rstrip("/"), self.bucket, self.options.endpoint)

    @cached_property
    def _client(self) -> "Client":
        from obstore.store import S3Store as Client

        session = boto3_session()
        config: S3Config = {"region": self.options.region or region_of_environment() or "us-east-1"}
        if self.options.endpoint:
            config["endpoint"] = self.options.endpoint
        return Client(
            self.bucket,
            prefix=self.prefix or None,
            config=config,
            credential_provider=credentials(session),
            client_options=_client_options(self.options.endpoint),
            retry_config={"max_retries": 6, "retry_timeout": RETRY_TIMEOUT, "backoff": BACKOFF},
        )

    @cached_property
    def _boto3(self) -> Any:
        """A client of boto3, for copies inside the service."""
        session = boto3_session()
        region = self.options.region or session.region_name
        return session.client("s3", endpoint_url=self.options.endpoint or None, region_name=region)


def _is_folder_marker(item: Item, folder: str, following: Item | None = None) -> bool:
    """Return whether an entry stands for a folder: an empty object `folder/`, as consoles and Hadoop write them.

    The client leaves out the slash, so the marker is recognised by what follows it in the order of keys.
    """
    is_parent = following is not None and following.key.startswith(f"{item.key}/")
    return item.size == 0 and (item.key == folder or is_parent)


def _item(entry: "ObjectMeta") -> Item:
    return Item(entry["path"], entry["size"], entry["last_modified"], entry.get("e_tag") or "")


def boto3_session() -> "Session":
    """Return a session of boto3 with the profile and region of the environment."""
    import boto3

    return boto3.Session()


def region_of_environment() -> str:
    """Return the region of `AWS_REGION`, which boto3 does not read, of `AWS_DEFAULT_REGION` or of the profile."""
    return os.environ.get("AWS_REGION") or boto3_session().region_name or ""


def credentials(session: "Session") -> "Boto3CredentialProvider":
    """Return a provider of the session's credentials, which asks for them again before they expire.

    Raises:
        SettingsError: boto3 finds no credentials, or no such profile.
    """
    from botocore.exceptions import BotoCoreError
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Boto3CredentialProvider(session, ttl=CREDENTIALS_TTL)
    except (BotoCoreError, ValueError) as exc:
        raise SettingsError(
            "credentials for S3",
            found=str(exc) if isinstance(exc, BotoCoreError) else "none in environment, profile, container or instance",
            expected="credentials that boto3 finds",
            fix="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role.",
        ) from exc


def _client_options(endpoint: str) -> "ClientConfig":
    options: ClientConfig = {
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": READ_TIMEOUT,
        "timeout": REQUEST_TIMEOUT,
        "allow_http": endpoint.startswith("http://"),
    }
    bundle = next((os.environ[name] for name in CA_VARIABLES if os.environ.get(name)), None)
    if bundle:
        options["root_certificate"] = Path(bundle).read_bytes()
    return options
