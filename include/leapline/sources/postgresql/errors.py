"""Errors of PostgreSQL, each named with its remedy.

A failed connection has no error code, only libpq's text; a failed statement has a code (SQLSTATE). Texts of a server
with another language than English are not recognised, and are then reported as they are.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from leapline.errors import SourceError, SourceUnusableError

_LOGIN: Final = "Set PGUSER and PGPASSWORD (or PGPASSFILE, PGSERVICE), or correct the Airflow connection."
_ADDRESS: Final = "Correct LEAPLINE_SOURCE, PGHOST and PGPORT, or the Airflow connection."
_TLS: Final = "Set PGSSLROOTCERT to the file of the certificate authority, or correct PGSSLMODE."
_AGAIN: Final = "Check that the server runs and can be reached from here; Airflow tries again."
_ROLE: Final = "Ask its administrator, or correct the login."

_UNUSABLE: Final = (
    (r"password authentication failed", "a login that the server rejects", "user and password", _LOGIN),
    (r"no password supplied", "no password", "user and password", _LOGIN),
    (r'role ".*" does not exist', "no such user", "user and password", _LOGIN),
    (r'database "(.*)" does not exist', r"no database \1", "the database of the events",
     "Correct the name at the end of LEAPLINE_SOURCE, PGDATABASE, or the schema of the Airflow connection."),
    (r"no pg_hba.conf entry.*no encryption", "a server that rejects connections without TLS", "TLS",
     "Set PGSSLMODE=require, or better verify-full."),
    (r"no pg_hba.conf entry", "a server that rejects this host, user or database", "an entry in its pg_hba.conf",
     "Ask its administrator for one."),
    (r"does not support SSL", "a server without TLS", "TLS, as PGSSLMODE requires", "Let the server offer TLS."),
    (r"certificate verify failed", "a certificate of an unknown authority", "one that can be verified", _TLS),
    (r"root certificate file .* does not exist", "no file of certificate authorities", "one, for PGSSLMODE", _TLS),
    (r"server certificate for .* does not match host name", "a certificate for another host",
     "one for the host in the address", "Name the host as in the certificate, or set PGSSLMODE=verify-ca."),
    (r"could not translate host name|[Nn]ame or service not known|resolve host", "an unknown host name",
     "the server's host", _ADDRESS),
    (r'definition of service "(.*)" not found', r"no service \1", "one in pg_service.conf", "Correct PGSERVICE."),
    (r"permission denied for database", "a user who may not connect to the database", "the right to connect", _ROLE),
    (r"No such file or directory", "no server on this machine", "a server", _ADDRESS),
)  # fmt: skip
_BUSY: Final = (
    (r"[Cc]onnection refused", "no server at this address"),
    (r"timeout expired|timed out", "no answer"),
    (r"No route to host|[Nn]etwork is unreachable", "no route to it"),
    (
        r"conflict with recovery",
        "a replica that ended the statement, because it must apply changes"
        " (max_standby_streaming_delay, hot_standby_feedback)",
    ),
    (r"starting up|shutting down|recovery", "a server that is starting or stopping"),
    (r"too many (clients|connections)|connection slots", "no free connection"),
)
_BY_CODE: Final = {
    "42501": ("a missing permission ({text})", "the right to read the table completely",
              "GRANT it to the user; a row security policy must not apply to the user either (BYPASSRLS)."),
    "57014": ("a statement that the server ended ({text})", "time for an export",
              "ALTER ROLE ... SET statement_timeout = 0 for this user."),
}  # fmt: skip


@contextmanager
def named_errors(thing: str) -> Iterator[None]:
    """Turn psycopg's errors into errors that name the source.

    Args:
        thing: the source's name.
    """
    try:
        yield
    except psycopg.Error as exc:
        raise _named(thing, exc) from exc


def _named(thing: str, exc: psycopg.Error) -> SourceError:
    # The details of an error contain values of rows, and if a value cannot be converted, its message too.
    text = " ".join((exc.diag.message_primary or str(exc)).split())
    if exc.sqlstate and exc.sqlstate.startswith("22"):
        return SourceUnusableError(
            thing, found=f"a value that its type cannot hold (SQLSTATE {exc.sqlstate})",
            expected="values that the view or table can convert", fix="Correct the conversion in the view.",
        )  # fmt: skip
    if exc.sqlstate in _BY_CODE:
        found, expected, fix = _BY_CODE[exc.sqlstate]
        return SourceUnusableError(thing, found=found.format(text=text), expected=expected, fix=fix)
    for pattern, found, expected, fix in _UNUSABLE:
        if match := re.search(pattern, text):
            return SourceUnusableError(thing, found=match.expand(found), expected=expected, fix=fix)
    problem = next((problem for pattern, problem in _BUSY if re.search(pattern, text)), text)
    return SourceError(thing, found=problem, expected="a server that answers", fix=_AGAIN)
