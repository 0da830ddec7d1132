"""Errors of a bucket, each with its cause: what was found, what to do, and whether to try again."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from leapline.errors import StorageError, StorageUnusableError

ACTIONS: Final = "s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject"
"""What a role must be allowed to do; a landing bucket needs only the first two."""

_CAUSES: Final[tuple[tuple[str, str, str], ...]] = (
    ("NoSuchBucket|bucket does not exist", "no such bucket", "Create the bucket, or correct the setting."),
    (
        "InvalidAccessKeyId|SignatureDoesNotMatch",
        "credentials that the service does not accept",
        "Correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile.",
    ),
    (
        "ExpiredToken|token.*expired|RequestExpired",
        "credentials that have expired",
        "Log in again (`aws sso login`), or use a role, whose credentials are renewed.",
    ),
    (
        "RequestTimeTooSkewed",
        "a clock that differs from the service's by more than 15 minutes",
        "Set this machine's clock (NTP).",
    ),
    (
        "PermanentRedirect|AuthorizationHeaderMalformed|redirect without LOCATION|incorrectly configured region",
        "a bucket in another region",
        "Set LEAPLINE_S3_REGION to the bucket's region (`aws s3api get-bucket-location`).",
    ),
    ("AccessDenied|403 Forbidden|PermissionDenied", "access denied", f"Grant {ACTIONS} on the bucket and prefix."),
    (
        "UnknownIssuer|invalid peer certificate|certificate|PKIX path",
        "a certificate that is not trusted",
        "Name the file of its certificate authority in AWS_CA_BUNDLE.",
    ),
    (
        "QuotaExceeded|XMinioStorageFull|507 Insufficient",
        "no space left in the store",
        "Free space or raise the quota.",
    ),
    (
        "BadScheme|URL scheme is not allowed|InvalidContentType",
        "an endpoint without TLS",
        "Correct LEAPLINE_S3_ENDPOINT: https:// for TLS, http:// without.",
    ),
    (
        "NotImplemented|501 Not Implemented",
        "a service without conditional writes",
        "Use a service that supports If-Match and If-None-Match.",
    ),
)
"""Pattern of the client's message, what it means, and what to do. The first match counts; none is retried."""

_UNREACHABLE: Final = re.compile(
    "error sending request|operation timed out|connection closed|incomplete message"  # obstore
    "|Unable to execute HTTP request|did not complete before the specified timeout"  # the AWS SDK for Java
)
_OVERLOADED: Final = re.compile("SlowDown|ServiceThrottled|Status Code: 503")


@contextmanager
def named_s3_errors(thing: str, bucket: str, endpoint: str) -> Iterator[None]:
    """Turn errors of the client into errors that name `thing` and the cause.

    Args:
        thing: what is read or written.
        bucket: its bucket.
        endpoint: URL of the service; AWS if empty.

    Raises:
        FileNotFoundError: there is no such object.
        StorageUnusableError: another attempt would fail too.
        StorageError: the service does not answer, or cannot answer now.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as exc:
        if "NoSuchBucket" in str(exc):
            raise s3_error(thing, bucket, endpoint, str(exc)) from exc
        raise FileNotFoundError(thing) from exc
    except (BaseError, BotoCoreError, ClientError) as exc:
        raise s3_error(thing, bucket, endpoint, str(exc)) from exc


def s3_error(thing: str, bucket: str, endpoint: str, text: str) -> StorageError:
    """Return the error that a client's message means.

    Args:
        thing: what is read or written.
        bucket: its bucket.
        endpoint: URL of the service; AWS if empty.
        text: the message of obstore, boto3, or the AWS SDK for Java.
    """
    service = endpoint or "AWS"
    expected = f"bucket {bucket} at {service}, readable and writable"
    for pattern, found, fix in _CAUSES:
        if re.search(pattern, text):
            return StorageUnusableError(thing, found=found, expected=expected, fix=fix)
    if _UNREACHABLE.search(text):
        found = f"no answer from {service}"
        fix = "Check LEAPLINE_S3_ENDPOINT and the network, then run it again."
        return StorageError(thing, found=found, expected=expected, fix=fix)
    if _OVERLOADED.search(text):
        fix = "Run it again later."
        return StorageError(thing, found="an overloaded service (SlowDown)", expected=expected, fix=fix)
    return StorageError(thing, found=_first_line(text), expected=expected, fix="Run it again.")


def _first_line(text: str) -> str:
    """Return the message without the client's account of its attempts and without debugging details."""
    return " ".join(text.split("Debug source")[0].rpartition(" - ")[2].split())[:300]
