"""SQL on Redshift through its Data API: HTTPS requests with AWS credentials, no driver and no open connection."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from leapline.errors import SourceError, SourceUnusableError

_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0
_ENDED: Final = ("FINISHED", "FAILED", "ABORTED")

_LOGIN: Final = "Check AWS_PROFILE or the role, and its permissions (docs/sources.md)."
_UNUSABLE: Final = (
    (r"permission denied for (?:relation|schema|language) \S+", "the right to read it", "GRANT it to the user."),
    (r"not authorized to assume", "a role that the cluster may assume",
     "Attach the role of LEAPLINE_SOURCE_ROLE to the cluster; its trust policy needs redshift.amazonaws.com."),
    (r"S3ServiceException.*?(?:Access ?Denied|403)", "a role that may write the export",
     "Give the role of LEAPLINE_SOURCE_ROLE s3:PutObject and s3:ListBucket below source-exports/ of the lake."),
    (r"S3ServiceException.*", "an export into the bucket of the lake",
     "Check that the bucket of LEAPLINE_LAKE is in the cluster's region."),
    (r"database .* does not exist", "the database of the events", "Correct the name at the end of LEAPLINE_SOURCE."),
    (r"(?:schema|relation|column) .* does not exist", "the table of the events", "Correct LEAPLINE_SOURCE_TABLE."),
    (r"(?:user|role) .* does not exist|password authentication failed", "a user of the database",
     "Correct user or secret in LEAPLINE_SOURCE."),
    (r"statement timeout", "time for an export", "ALTER USER ... SET statement_timeout TO 0 for this user."),
)  # fmt: skip
_REJECTED: Final = ("AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException",
                    "UnrecognizedClientException", "InvalidSignatureException")  # fmt: skip


class DataApi:
    """One database.

    Args:
        client: boto3's client of `redshift-data`.
        address: `redshift://cluster/database` or `redshift-serverless://workgroup/database`, with `?user=` (temporary
            credentials of that user) or `?secret=` (a secret's ARN), or neither for the caller's own identity.
        thing: the source's name, for messages.
        sleep: waits some seconds.
    """

    def __init__(self, client: Any, address: str, thing: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self._thing, self._sleep = client, thing, sleep
        parts = urlsplit(address)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        place = "ClusterIdentifier" if parts.scheme == "redshift" else "WorkgroupName"
        self._target = {place: parts.netloc, "Database": parts.path.strip("/")}
        self._target |= {"DbUser": options["user"]} if "user" in options else {}
        self._target |= {"SecretArn": options["secret"]} if "secret" in options else {}

    def query(self, sql: str, **parameters: str) -> list[list[Any]]:
        """Return the rows of a query; its parameters are written `:name`.

        Raises:
            SourceError: the service does not answer, or the query failed.
        """
        given = [{"name": name, "value": value} for name, value in parameters.items()]
        more: dict[str, Any] = {"Parameters": given} if given else {}
        return self._rows(self._run(self._client.execute_statement, Sql=sql, **more)["Id"])

    def transaction(self, statements: Sequence[str], counted: int) -> list[list[Any]]:
        """Run statements in one transaction, and return the rows of one of them.

        Args:
            statements: at most 40.
            counted: the index of the statement whose rows are returned.

        Raises:
            SourceError: the service does not answer, or a statement failed.
        """
        ended = self._run(self._client.batch_execute_statement, Sqls=list(statements))
        return self._rows(ended["SubStatements"][counted]["Id"])

    def _run(self, start: Callable[..., Any], **request: Any) -> Any:
        """Start a statement and return its final description; a statement that is not waited for is cancelled."""
        statement = self._call(start, **self._target, **request, StatementName="leapline")["Id"]
        wait = _FIRST_WAIT
        try:
            while (ended := self._call(self._client.describe_statement, Id=statement))["Status"] not in _ENDED:
                self._sleep(wait)
                wait = min(wait * 1.5, _LONGEST_WAIT)
        except BaseException:
            self._cancel(statement)
            raise
        if ended["Status"] != "FINISHED":
            raise self._failed(_error_of(ended))
        return ended

    def _rows(self, statement: str) -> list[list[Any]]:
        rows: list[list[Any]] = []
        page = self._call(self._client.get_statement_result, Id=statement)
        while True:
            rows += [[_value(field) for field in record] for record in page["Records"]]
            if not page.get("NextToken"):
                return rows
            page = self._call(self._client.get_statement_result, Id=statement, NextToken=page["NextToken"])

    def _cancel(self, statement: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.cancel_statement(Id=statement)
        except (BotoCoreError, ClientError):
            return  # The error that led here is the one to report.

    def _call(self, method: Callable[..., Any], **request: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            return method(**request)
        except NoCredentialsError as exc:
            raise self._unusable("no AWS credentials", "credentials in a usual place of AWS", _LOGIN) from exc
        except ClientError as exc:
            code, text = exc.response["Error"]["Code"], exc.response["Error"].get("Message", "")
            if code in _REJECTED:
                raise self._unusable(f"{code}: {text}", "credentials that may use the Data API", _LOGIN) from exc
            if code in ("ValidationException", "ResourceNotFoundException"):
                fix = "Correct LEAPLINE_SOURCE, and LEAPLINE_S3_REGION or AWS_REGION."
                raise self._unusable(text, "a cluster or workgroup of this region", fix) from exc
            raise self._busy(f"{code}: {text}") from exc
        except BotoCoreError as exc:
            raise self._busy(str(exc)) from exc

    def _failed(self, text: str) -> SourceError:
        for pattern, expected, fix in _UNUSABLE:
            if match := re.search(pattern, text, re.DOTALL):
                return self._unusable(" ".join(match[0].split()), expected, fix)
        return self._busy(" ".join(text.split()))

    def _unusable(self, found: str, expected: str, fix: str) -> SourceUnusableError:
        return SourceUnusableError(self._thing, found=found, expected=expected, fix=fix)

    def _busy(self, found: str) -> SourceError:
        fix = "Check that it runs and can be reached from here; Airflow tries again."
        return SourceError(self._thing, found=found, expected="an answer", fix=fix)


def _error_of(description: Any) -> str:
    """Return the error of a statement, or of the first one that failed in a transaction."""
    failed = (part["Error"] for part in description.get("SubStatements", ()) if part.get("Error"))
    return str(next(failed, description.get("Error") or f"a statement that was {description['Status']}"))


def _value(field: Any) -> Any:
    return None if field.get("isNull") else next(iter(field.values()))
