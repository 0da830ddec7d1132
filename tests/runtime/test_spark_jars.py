"""Spark's jars for S3: downloaded once, verified, and given to Spark only by installations that use a bucket."""

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from leapline.errors import DownloadError, ToolMissingError
from leapline.runtime.spark_jars import FOLDER, LIST, Jar, download, jars_option, listed_jars, with_jars
from leapline.settings import Settings
from tests.conftest import ROOT
from tests.fakes.servers import up
from tests.ports import free_address

CONTENT = {"org.shop:a:1.0": b"jar a", "org.shop.sub:b_2.13:4.1.2": b"jar b"}
JARS = [Jar(coordinate, hashlib.sha256(content).hexdigest()) for coordinate, content in CONTENT.items()]


class Repository(ThreadingHTTPServer):
    """A Maven repository in a folder, which records the requested paths."""

    def __init__(self, folder: Path) -> None:
        self.requested: list[str] = []
        repository = self

        class Handler(SimpleHTTPRequestHandler):
            def log_request(self, *args: object) -> None:
                repository.requested.append(self.path)

            def log_message(self, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    for jar in JARS:
        path = tmp_path / "repository" / jar.path
        path.parent.mkdir(parents=True)
        path.write_bytes(CONTENT[jar.coordinate])
    with up(Repository(tmp_path / "repository")) as server:
        yield server


def test_listed_jars_are_pinned_and_not_part_of_pyspark() -> None:
    import pyspark

    jars = listed_jars()
    assert len({jar.coordinate for jar in jars}) == len(jars)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)
    included = {path.name for path in (Path(pyspark.__file__).parent / "jars").iterdir()}
    assert not included & {jar.name for jar in jars}


def test_installed_jars_are_the_listed_ones() -> None:
    folder = ROOT / ".local" / FOLDER
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert digests == {jar.name: jar.sha256 for jar in listed_jars()}


def test_download_continues_where_it_ended_and_removes_unlisted_files(tmp_path: Path, repository: Repository) -> None:
    folder = tmp_path / "jars"
    download(folder, repository.url, JARS[:1])
    assert repository.requested == ["/org/shop/a/1.0/a-1.0.jar"]
    (folder / "b_2.13-4.1.2.jar").write_bytes(b"half a j")
    (folder / "old-0.9.jar").touch()
    download(folder, repository.url + "/", JARS)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "a-1.0.jar": b"jar a",
        "b_2.13-4.1.2.jar": b"jar b",
    }
    assert repository.requested[1:] == ["/org/shop/sub/b_2.13/4.1.2/b_2.13-4.1.2.jar"]


def test_jar_with_another_content_is_rejected(tmp_path: Path, repository: Repository) -> None:
    wrong = Jar(JARS[0].coordinate, JARS[1].sha256)
    with pytest.raises(DownloadError, match="another content"):
        download(tmp_path / "jars", repository.url, [wrong])
    assert list((tmp_path / "jars").iterdir()) == []


@pytest.mark.parametrize("missing", ["jar", "server", "scheme"])
def test_unavailable_jar_is_reported_with_the_variable_for_a_mirror(
    tmp_path: Path, repository: Repository, missing: str
) -> None:
    url = {"jar": f"{repository.url}/empty", "server": f"http://{free_address()}", "scheme": "nexus.shop/maven"}[
        missing
    ]
    with pytest.raises(DownloadError, match=r"a-1\.0\.jar.*MAVEN_REPOSITORY_URL"):
        download(tmp_path / "jars", url, JARS[:1])


def test_only_installations_with_buckets_give_jars_to_spark(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for jar in listed_jars():
        (tmp_path / FOLDER / jar.name).touch()
    assert jars_option(Settings(tools=tmp_path)) == {}
    for settings in (Settings(tools=tmp_path, lake="s3://shop/lake"), Settings(tools=tmp_path, landing="s3://shop/in")):
        jars = jars_option(settings)["spark.jars"].split(",")
        assert [Path(jar).name for jar in jars] == [jar.name for jar in listed_jars()]


def test_missing_jar_is_reported_with_the_command_that_downloads_it(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="make setup"):
        jars_option(Settings(tools=tmp_path, lake="s3://shop/lake"))


@pytest.mark.parametrize(("format_", "artifact"), [("delta", "delta-spark"), ("iceberg", "iceberg-spark-runtime")])
def test_only_installations_with_lake_tables_give_their_jars_to_spark(
    tmp_path: Path, format_: str, artifact: str
) -> None:
    settings = Settings(tools=tmp_path, source=format_, source_table="/data/events")
    with pytest.raises(ToolMissingError, match=f"scripts/setup.sh {format_}"):
        jars_option(settings)
    (tmp_path / f"{format_}-jars").mkdir()
    for jar in listed_jars(LIST.with_name(f"{format_}_jars.txt")):
        (tmp_path / f"{format_}-jars" / jar.name).touch()
    assert artifact in jars_option(settings)["spark.jars"]


@pytest.mark.parametrize(
    ("first", "second", "jars"), [({}, {}, None), ({"spark.jars": "a"}, {}, "a"), ({}, {"spark.jars": "b"}, "b"),
                                  ({"spark.jars": "a"}, {"spark.jars": "b"}, "a,b")],
)  # fmt: skip
def test_options_of_two_sources_keep_the_jars_of_both(
    first: dict[str, str], second: dict[str, str], jars: str | None
) -> None:
    assert with_jars({"x": "1", **first}, second).get("spark.jars") == jars
