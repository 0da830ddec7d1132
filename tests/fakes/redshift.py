"""A stand-in for Redshift and its Data API: an HTTP server that boto3 talks to, with PostgreSQL behind it.

A statement runs on PostgreSQL. UNLOAD runs its query there and writes what Redshift writes: zstd files and a verbose
manifest, into the S3 server of the tests. What it does not check: Redshift's own grammar beyond the form of UNLOAD,
permissions of the IAM role, and the limits of the service.
"""

import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import psycopg
import pyarrow as pa
import pytest

UNLOAD: Final = re.compile(
    r"UNLOAD \('(?P<query>.*)'\) TO 's3://(?P<bucket>[^/]+)/(?P<prefix>[^']+/)' "
    r"IAM_ROLE (?:default|'(?P<role>arn:[^']+)') DELIMITER '\\t' ZSTD MANIFEST VERBOSE MAXFILESIZE \d+ MB PARALLEL ON"
    r"(?: REGION '[a-z0-9-]+')?",
    re.DOTALL,
)
ROWS_PER_FILE: Final = 200


class FakeRedshift:
    """One cluster with one database.

    Args:
        database: a connection to PostgreSQL.
        s3: boto3's client of the S3 server.
    """

    def __init__(self, database: "psycopg.Connection[Any]", s3: Any) -> None:
        self.database, self.s3 = database, s3
        self.statements: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.after_unload: Callable[[str, str], None] = lambda bucket, prefix: None
        self.error: str | None = None
        self.rejection: tuple[str, str] | None = None
        self._ids = itertools.count(1)
        database.execute(
            "CREATE VIEW pg_temp.svv_columns AS SELECT table_schema, table_name, column_name, data_type "
            "FROM information_schema.columns"
        )

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request of the Data API."""
        self.requests.append((operation, request))
        return dict(getattr(self, operation)(request))

    def ExecuteStatement(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the API's name
        return self._started(request, [request["Sql"]])

    def BatchExecuteStatement(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert len(request["Sqls"]) <= 40
        return self._started(request, request["Sqls"])

    def DescribeStatement(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        statement = self.statements[request["Id"]]
        statement["polls"] += 1
        if statement["polls"] == 1 and request["Id"] == "statement-1":
            return {"Id": request["Id"], "Status": "STARTED"}
        if self.error:
            return {"Id": request["Id"], "Status": "FAILED", "Error": self.error}
        parts = [{"Id": f"{request['Id']}:{n}", "Status": "FINISHED"} for n in range(1, len(statement["rows"]) + 1)]
        return {"Id": request["Id"], "Status": "FINISHED", "SubStatements": parts}

    def GetStatementResult(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        statement, _, part = request["Id"].partition(":")
        rows = self.statements[statement]["rows"][int(part or 1) - 1]
        start = int(request.get("NextToken", 0))
        more = {"NextToken": str(start + 100)} if len(rows) > start + 100 else {}
        return {"Records": [[_field(value) for value in row] for row in rows[start : start + 100]]} | more

    def CancelStatement(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Status": True}

    def _started(self, request: dict[str, Any], statements: list[str]) -> dict[str, Any]:
        name = f"statement-{next(self._ids)}"
        parameters = {item["name"]: item["value"] for item in request.get("Parameters", ())}
        rows = [] if self.error else [self._run(sql, parameters) for sql in statements]
        self.statements[name] = {"polls": 0, "rows": rows}
        return {"Id": name}

    def _run(self, sql: str, parameters: dict[str, str]) -> list[Any]:
        if sql.startswith("UNLOAD"):
            match = UNLOAD.fullmatch(sql)
            assert match, sql
            self._unload(match["query"].replace("''", "'"), match["bucket"], match["prefix"])
            return []
        if parameters:
            sql = re.sub(r":(\w+)", r"%(\1)s", sql)
        cursor = self.database.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def _unload(self, query: str, bucket: str, prefix: str) -> None:
        """Write values as they are, without escapes, as UNLOAD does without its option ESCAPE."""
        rows = self.database.execute(query).fetchall()
        entries = []
        for number, start in enumerate(range(0, len(rows), ROWS_PER_FILE)):
            part = rows[start : start + ROWS_PER_FILE]
            text = "".join("\t".join("" if value is None else str(value) for value in row) + "\n" for row in part)
            content = pa.compress(text.encode(), codec="zstd", asbytes=True)
            key = f"{prefix}{number:04d}_part_00.zst"
            self.s3.put_object(Bucket=bucket, Key=key, Body=content)
            meta = {"content_length": len(content), "record_count": len(part)}
            entries.append({"url": f"s3://{bucket}/{key}", "meta": meta})
        if entries:
            manifest = {"entries": entries, "meta": {"record_count": len(rows)}, "author": {"name": "Amazon Redshift"}}
            self.s3.put_object(Bucket=bucket, Key=f"{prefix}manifest", Body=json.dumps(manifest).encode())
        self.after_unload(bucket, prefix)


def _field(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    return {"longValue": value} if isinstance(value, int) else {"stringValue": str(value)}


@pytest.fixture
def redshift(
    database: "psycopg.Connection[Any]", s3_server: Any, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeRedshift]:
    """A running stand-in; boto3's client of `redshift-data` talks to it."""
    fake = FakeRedshift(database, s3_server.client())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256")
            code, message = fake.rejection or ("", "")
            answer = {"__type": code, "Message": message} if code else fake.answer(
                self.headers["X-Amz-Target"].removeprefix("RedshiftData."), body
            )  # fmt: skip
            content = json.dumps(answer).encode()
            self.send_response(400 if code else 200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_REDSHIFT_DATA", f"http://127.0.0.1:{server.server_port}")
    yield fake
    server.shutdown()
    server.server_close()
