"""The demo's bucket: on a local S3 server that runs for the demo only, with the generated events in it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from leapline.local.s3_service import LocalS3
from leapline.settings import Settings
from leapline.storage.factory import store_at

BUCKET: Final = "leapline"
ADDRESS: Final = "127.0.0.1:9701"
FOLDER: Final = "s3"
"""Folder of the server, below the installation's folder."""
_OTHER_CREDENTIALS: Final = ("AWS_PROFILE", "AWS_SESSION_TOKEN")


@contextmanager
def demo_bucket(settings: Settings) -> Iterator[Settings]:
    """Run the S3 server for the block; yield the settings with lake and landed events in its bucket.

    The credentials are in the environment meanwhile, which Airflow and Spark inherit.

    Raises:
        ToolMissingError: `scripts/setup.sh s3` has not compiled the server.
        PortTakenError: another process listens on its port.
    """
    server = LocalS3(settings.home / FOLDER, settings.tools / "bin" / "versitygw", _address(settings))
    server.start()
    environment = dict(os.environ)
    try:
        for name in _OTHER_CREDENTIALS:
            os.environ.pop(name, None)
        os.environ.update(server.environment)
        server.create_bucket(BUCKET)
        addresses = {"lake": f"s3://{BUCKET}/lake", "landing": f"s3://{BUCKET}/landing", "s3_endpoint": server.endpoint}
        # A repository of its own, because the champion of the installation's lake is not in the bucket's ledger.
        addresses["repository"] = f"{settings.repository}-s3"
        yield Settings.load(**{**settings.model_dump(exclude_unset=True), **addresses})
    finally:
        os.environ.clear()
        os.environ.update(environment)
        server.stop()


def _address(settings: Settings) -> str:
    """Return the address of the configured endpoint if that is on this machine, otherwise the usual one."""
    match = re.fullmatch(r"http://((?:127\.0\.0\.1|localhost):\d+)/?", settings.s3_endpoint)
    return match[1] if match else ADDRESS


def upload_events(folder: Path, settings: Settings) -> int:
    """Copy the landed files that the bucket does not have yet; return their number.

    Args:
        folder: a landing folder. Names that start with `_` or `.` are not events and are left out.
        settings: with a bucket for landed events.
    """
    store = store_at(settings.landing_buckets[0], settings)
    sizes = {item.key: item.size for item in store.list()}
    files = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    events = {name.as_posix(): path for name, path in files.items() if not any(p[0] in "_." for p in name.parts)}
    new = {key: path for key, path in events.items() if sizes.get(key) != path.stat().st_size}
    for key, path in new.items():
        store.upload(key, path)
    return len(new)
