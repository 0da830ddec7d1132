"""A real PostgreSQL server on loopback, one per test worker, with Snowplow's events table.

Debian's packages are used (`scripts/setup.sh postgres` installs them). The server refuses to run as root, so its
processes then belong to the user `postgres`. Data is not flushed to the disk, and nothing outlives the tests.
"""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from leapline.snowplow.enriched import FIELDS
from tests.ports import free_port

PASSWORD: Final = "the tests' own"
JSON: Final = ("contexts", "unstruct_event", "derived_contexts")
WITHOUT_JSON: Final = tuple(name for name in FIELDS if name not in JSON)
"""The 128 columns of a table whose entities and self-describing events have tables of their own."""
_TYPES: Final = {
    "timestamp": ("etl_tstamp collector_tstamp dvce_created_tstamp dvce_sent_tstamp refr_dvce_tstamp derived_tstamp "
                  "true_tstamp"),
    "char(36)": "event_id domain_sessionid",
    "char(3)": "tr_currency ti_currency base_currency",
    "char(2)": "geo_country",
    "json": " ".join(JSON),
    "boolean": ("br_features_pdf br_features_flash br_features_java br_features_director br_features_quicktime "
                "br_features_realplayer br_features_windowsmedia br_features_gears br_features_silverlight br_cookies "
                "dvce_ismobile"),
    "smallint": "domain_sessionidx",
    "integer": ("txn_id page_urlport refr_urlport ti_quantity pp_xoffset_min pp_xoffset_max pp_yoffset_min "
                "pp_yoffset_max br_viewwidth br_viewheight dvce_screenwidth dvce_screenheight doc_width doc_height"),
    "double precision": "geo_latitude geo_longitude se_value",
    "decimal(18,2)": ("tr_total tr_tax tr_shipping ti_price tr_total_base tr_tax_base tr_shipping_base "
                      "ti_price_base"),
}  # fmt: skip
TYPE_OF: Final = {name: type_ for type_, names in _TYPES.items() for name in names.split()}
_databases = itertools.count(1)


class LocalPostgres:
    """A PostgreSQL server whose data is in a folder of its own.

    Args:
        folder: where its data is; must not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.environment = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres",
                            "PGPASSWORD": PASSWORD, "PGDATABASE": "postgres"}  # fmt: skip

    def start(self) -> None:
        """Create the cluster, with a certificate of its own, and start the server."""
        self.folder.mkdir(mode=0o755)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        secret, data = self.folder / "password", self.folder / "data"
        secret.write_text(PASSWORD)
        self._run("initdb", "-D", data, "-U", "postgres", "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8",
                  "--locale", "C.UTF-8", "--no-sync")  # fmt: skip
        self._certificate(data)
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder} -c fsync=off "
            "-c full_page_writes=off -c synchronous_commit=off -c max_wal_size=4GB -c ssl=on -c timezone=Europe/Berlin"
        )
        self._run("pg_ctl", "-D", data, "-l", self.folder / "log", "-w", "-o", options, "start")

    def stop(self) -> None:
        """Stop the server."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")

    def connect(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """Return a connection as superuser that commits each statement."""
        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", password=PASSWORD, dbname=database,
                               autocommit=True)  # fmt: skip

    def _certificate(self, data: Path) -> None:
        self._command("openssl", "req", "-new", "-x509", "-days", "30", "-nodes", "-subj", "/CN=another.example",
                      "-out", data / "server.crt", "-keyout", data / "server.key")  # fmt: skip

    def _run(self, program: str, *arguments: str | Path) -> None:
        binary = find_program(program)
        assert binary
        self._command(binary, *arguments)

    def _command(self, *command: str | Path) -> None:
        user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups") if os.geteuid() == 0 else ()
        log = self.folder / "commands.log"
        with log.open("a") as out:
            done = subprocess.run([*user, *map(str, command)], stdout=out, stderr=out, cwd=self.folder, check=False)
        assert done.returncode == 0, log.read_text()


def find_program(name: str) -> str | None:
    """Return the path of a program of PostgreSQL's server: on PATH, or where Debian puts it."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(installed[-1]) if installed else shutil.which(name)


def create_table(
    connection: "psycopg.Connection[Any]",
    table: str = "atomic.events",
    columns: Sequence[str] = FIELDS,
    types: dict[str, str] | None = None,
    suffix: str = "",
) -> None:
    """Create an events table with the types that Snowplow's loader uses.

    Args:
        connection: to the database.
        table: its name, with the schema, which is created too.
        columns: names.
        types: column -> another type.
        suffix: SQL after the columns, such as a partitioning.
    """
    of = TYPE_OF | (types or {})
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.partition('.')[0]}")
    listed = ", ".join(f"{name} {of.get(name, 'text')}" for name in columns)
    connection.execute(f"CREATE TABLE {table} ({listed}) {suffix}")


def load(
    connection: "psycopg.Connection[Any]",
    lines: Iterable[str],
    table: str = "atomic.events",
    columns: Sequence[str] = FIELDS,
) -> None:
    """Load lines of the enriched format as a loader does, byte for byte.

    Args:
        connection: to the database.
        lines: of the enriched format, without their ends.
        table: to load into.
        columns: those that the table has; the lines' other values are dropped.
    """
    places = [FIELDS.index(name) for name in columns]
    form = r"FORMAT csv, DELIMITER E'\t', QUOTE E'\x01', ESCAPE E'\x01', NULL ''"
    with connection.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH ({form})") as copy:
        for line in lines:
            values = line.split("\t")
            copy.write("\t".join(values[place] for place in places) + "\n")


def is_loadable(line: str) -> bool:
    """Return whether a line of the enriched format fits the types of the table."""
    values = line.split("\t")
    return len(values) == len(FIELDS) and len(values[FIELDS.index("event_id")]) == 36 and "\0" not in line


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[LocalPostgres]:
    """A running server. The test is skipped where PostgreSQL is not installed."""
    if not find_program("initdb") or not shutil.which("openssl"):
        pytest.skip("POSTGRESQL MISSING: run `scripts/setup.sh postgres`, so this test did not run")
    # Not pytest's folder, which belongs to root alone if root runs the tests.
    with tempfile.TemporaryDirectory(prefix="leapline-postgres-") as folder:
        Path(folder).chmod(0o755)
        server = LocalPostgres(Path(folder) / "server")
        server.start()
        yield server
        server.stop()


@pytest.fixture
def database(postgres_server: LocalPostgres, monkeypatch: pytest.MonkeyPatch) -> "Iterator[psycopg.Connection[Any]]":
    """A connection to a new database; libpq's variables name it, and no others are set."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    name = f"shop_{next(_databases)}"
    with postgres_server.connect() as admin:
        admin.execute(f"CREATE DATABASE {name}")
    for variable, value in (postgres_server.environment | {"PGDATABASE": name}).items():
        monkeypatch.setenv(variable, value)
    with postgres_server.connect(name) as connection:
        yield connection
