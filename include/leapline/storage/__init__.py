"""The lake and the stores below it: local folders and S3 buckets."""

from leapline.storage.attempt_files import Folder
from leapline.storage.factory import lake_of
from leapline.storage.files import json_bytes, parse_json, read_json, write_bytes, write_json
from leapline.storage.lake import POINTER, Lake
from leapline.storage.local import LocalStore
from leapline.storage.store import Store, read_document

__all__ = [
    "POINTER",
    "Folder",
    "Lake",
    "LocalStore",
    "Store",
    "json_bytes",
    "lake_of",
    "parse_json",
    "read_document",
    "read_json",
    "write_bytes",
    "write_json",
]
