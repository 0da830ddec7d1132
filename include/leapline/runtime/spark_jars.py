"""The jars with which Spark reads and writes S3: their list, their download, and Spark's option for them.

    python -m leapline.runtime.spark_jars FOLDER
    python -m leapline.runtime.spark_jars FOLDER --format delta

With `--format`, the jars are those for tables of that format, which `scripts/setup.sh delta` or `iceberg` downloads.
`make setup` and the Dockerfile download the jars, so that no step needs the network for them. The list contains
Hadoop's S3 connector, the modules of the AWS SDK that it uses, and Spark's binding of the committer; what PySpark
contains already is left out. docs/decisions/0007-spark-jars.md has the reasons and how to update the list.
"""

import argparse
import hashlib
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from leapline.errors import DownloadError, LeaplineError, ToolMissingError
from leapline.settings import TABLE_FORMATS, Settings

LIST: Final = Path(__file__).with_name("spark_jars.txt")
"""One jar per line: Maven coordinate and SHA-256."""
_TABLE_LISTS: Final = {name: LIST.with_name(f"{name}_jars.txt") for name in TABLE_FORMATS}
REPOSITORY_VARIABLE: Final = "MAVEN_REPOSITORY_URL"
"""Environment variable with the URL of a mirror of Maven Central."""
MAVEN_CENTRAL: Final = "https://repo1.maven.org/maven2"
FOLDER: Final = "spark-jars"
_AT_ONCE: Final = 8
_ATTEMPTS: Final = 3
_TIMEOUT_S: Final = 30


@dataclass(frozen=True)
class Jar:
    """A jar of a Maven repository.

    Attributes:
        coordinate: `group:artifact:version`.
        sha256: hexadecimal digest of the file.
    """

    coordinate: str
    sha256: str

    @property
    def name(self) -> str:
        """The name of the file."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    @property
    def path(self) -> str:
        """The path of the file in a repository."""
        group, artifact, version = self.coordinate.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.name}"


def listed_jars(file: Path = LIST) -> list[Jar]:
    """Return the jars of the list."""
    return [Jar(*line.split()) for line in file.read_text().splitlines()]


def jars_option(settings: Settings) -> dict[str, str]:
    """Return Spark's option that adds the jars to driver and executors; none if no bucket and no lake table is used.

    `spark.jars` leaves the driver's class path as it is, on which the class-data-sharing archive depends, and brings
    the jars to the executors of a cluster.

    Raises:
        ToolMissingError: a jar is missing.
    """
    paths = []
    if settings.uses_buckets:
        paths += _present(settings, FOLDER, LIST, "for S3", "make setup")
    if settings.source in _TABLE_LISTS:
        paths += table_jars(settings, settings.source)
    return {"spark.jars": ",".join(path.as_uri() for path in paths)} if paths else {}


def table_jars(settings: Settings, format_: str) -> list[Path]:
    """Return the jars for tables of a format.

    Raises:
        ToolMissingError: a jar is missing.
    """
    command = f"scripts/setup.sh {format_}"
    jars, purpose = _TABLE_LISTS[format_], f"for {format_.capitalize()}"
    fix = f"Run `{command}`, or build the image with `--build-arg TABLE_FORMATS={format_}`."
    return _present(settings, f"{format_}-jars", jars, purpose, command, fix)


def _present(settings: Settings, folder: str, file: Path, purpose: str, command: str, fix: str = "") -> list[Path]:
    paths = [settings.tools.absolute() / folder / jar.name for jar in listed_jars(file)]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise ToolMissingError(
            f"Spark's jars {purpose}",
            found=f"{len(missing)} of {len(paths)} missing in {paths[0].parent}, such as {missing[0]}",
            expected=f"the jars that `{command}` downloads",
            fix=fix or f"Run `{command}`.",
        )
    return paths


def with_jars(options: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Return Spark options with others added; both may name jars."""
    jars = ",".join(filter(None, (options.get("spark.jars"), more.get("spark.jars"))))
    return {**options, **more, **({"spark.jars": jars} if jars else {})}


def download(folder: Path, repository: str, jars: list[Jar]) -> None:
    """Download the jars that are missing or differ from the list, and remove those that are not listed.

    Raises:
        DownloadError: a jar could not be downloaded, or has another content. The complete ones are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    needed = [jar for jar in jars if not _matches(folder / jar.name, jar)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(partial(_download, folder, repository.rstrip("/")), needed))
    for path in set(folder.iterdir()) - {folder / jar.name for jar in jars}:
        path.unlink()


def _download(folder: Path, repository: str, jar: Jar) -> None:
    url = f"{repository}/{jar.path}"
    content = _content(url)
    if hashlib.sha256(content).hexdigest() != jar.sha256:
        raise DownloadError(
            url,
            found="another content than the list's",
            expected=f"SHA-256 {jar.sha256}",
            fix=f"Use another mirror ({REPOSITORY_VARIABLE}); if Maven Central itself differs, report it.",
        )
    partial_file = folder / f"{jar.name}.part"
    partial_file.write_bytes(content)
    partial_file.replace(folder / jar.name)


def _content(url: str, attempts: int = _ATTEMPTS) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:  # noqa: S310
            return bytes(response.read())
    except (OSError, ValueError) as exc:
        temporary = not isinstance(exc, urllib.error.HTTPError) or exc.code >= 500
        if attempts > 1 and temporary and isinstance(exc, OSError):
            time.sleep(1)
            return _content(url, attempts - 1)
        raise DownloadError(
            url,
            found=str(getattr(exc, "reason", None) or exc),
            expected="a jar from Maven Central or a mirror of it",
            fix=f"Check the network and HTTPS_PROXY, or set {REPOSITORY_VARIABLE} to your mirror, then run it again.",
        ) from exc


def _matches(path: Path, jar: Jar) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def main() -> None:
    """Download the listed jars into a folder."""
    parser = argparse.ArgumentParser(prog="leapline.runtime.spark_jars", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the jars are written")
    parser.add_argument("--format", choices=TABLE_FORMATS, help="the format of tables; S3 if not given")
    arguments = parser.parse_args()
    jars = listed_jars(_TABLE_LISTS[arguments.format] if arguments.format else LIST)
    try:
        download(arguments.folder, os.environ.get(REPOSITORY_VARIABLE) or MAVEN_CENTRAL, jars)
    except LeaplineError as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
