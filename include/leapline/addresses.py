"""Addresses of buckets in settings."""

import re


def is_url(text: str) -> bool:
    """Return whether a text is a URL and not a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", text) is not None


def supported_url(text: str) -> str:
    """Return an address of a bucket in its usual form.

    Raises:
        ValueError: its scheme or form is not supported.
    """
    if not is_url(text):
        raise ValueError("one folder, or addresses s3://bucket/prefix, but not both")
    scheme, _, rest = text.partition("://")
    if scheme not in ("s3", "s3a"):
        raise ValueError(f"a folder, or s3://bucket/prefix; {scheme}:// is not supported")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/=+@-]*)?", rest):
        raise ValueError(
            "s3://bucket/prefix, with a bucket's name in lower case and a prefix of letters, digits and -_./="
        )
    return f"s3://{rest.rstrip('/')}"
