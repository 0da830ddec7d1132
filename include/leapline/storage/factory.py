"""The lake of an installation, made from its settings."""

from functools import lru_cache
from pathlib import Path

from leapline.settings import Settings
from leapline.storage.lake import Lake
from leapline.storage.local import LocalStore
from leapline.storage.s3 import S3Options, S3Store
from leapline.storage.store import Store


def lake_of(settings: Settings) -> Lake:
    """Return the lake of an installation: a bucket if the settings name one, otherwise the folder `home`."""
    return Lake(store_at(settings.lake or settings.home, settings))


def store_at(address: str | Path, settings: Settings) -> Store:
    """Return the store at an address.

    Args:
        address: a local folder, or `s3://bucket/prefix`.
        settings: how buckets are reached.

    Raises:
        SettingsError: the address has another form.
    """
    if isinstance(address, Path):
        return LocalStore(address)
    return _bucket(address, S3Options(settings.s3_endpoint, settings.s3_region))


@lru_cache
def _bucket(address: str, options: S3Options) -> S3Store:
    """One store per process: it keeps connections and credentials."""
    return S3Store(address, options)
