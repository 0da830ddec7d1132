"""Push, pull and tags against a real registry, and through a proxy that injects faults."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leapline.errors import BundleError, RegistryError, TagConflictError, ToolMissingError
from leapline.serving import layout
from leapline.serving.image import LABEL
from leapline.serving.registry import Registry
from tests.fakes.registry_proxy import Fault, RegistryProxy
from tests.ports import free_address
from tests.serving.conftest import MakeImage


@pytest.fixture
def proxy(registry_address: str) -> Iterator[RegistryProxy]:
    with RegistryProxy(registry_address) as running:
        yield running


@pytest.fixture
def shaky(proxy: RegistryProxy, repository: str, crane: Path) -> Registry:
    """The same repository, accessed through the proxy."""
    return Registry(f"{proxy.address}/{repository}", crane, budget_s=30)


def test_push_publishes_the_digest_of_the_layout(registry: Registry, make_image: MakeImage) -> None:
    image = make_image()
    assert registry.digest("m1") is None
    assert registry.push(image, "m1") is True
    assert registry.digest("m1") == layout.index_digest(image)
    assert registry.annotations("m1")[LABEL + "version"].startswith("2026-03-01-")


def test_same_image_is_not_sent_again(
    registry: Registry, shaky: Registry, proxy: RegistryProxy, make_image: MakeImage
) -> None:
    image = make_image()
    registry.push(image, "m1")
    assert shaky.push(image, "m1") is False
    assert {line.split()[0] for line in proxy.seen} <= {"GET", "HEAD"}


def test_model_tag_never_moves(registry: Registry, make_image: MakeImage) -> None:
    first = make_image("one")
    registry.push(first, "m1")
    with pytest.raises(TagConflictError, match=layout.index_digest(first)):
        registry.push(make_image("two"), "m1")
    assert registry.digest("m1") == layout.index_digest(first)


def test_only_new_layers_are_uploaded(shaky: Registry, proxy: RegistryProxy, make_image: MakeImage) -> None:
    shaky.push(make_image("one"), "m1")
    proxy.seen.clear()
    shaky.push(make_image("two"), "m2")
    assert proxy.count("POST", "/blobs/uploads/") == 3  # the model layer and two configs; not the scorers' layers


def test_tags_are_listed_and_a_failed_move_leaves_them_unchanged(registry: Registry, make_image: MakeImage) -> None:
    assert registry.tags() == []
    registry.push(make_image(), "m1")
    registry.tag("m1", "champion")
    assert registry.tags() == ["champion", "m1"]
    assert registry.digest("champion") == registry.digest("m1")
    with pytest.raises(RegistryError, match="MANIFEST_UNKNOWN"):
        registry.tag("absent", "champion")
    assert registry.digest("champion") == registry.digest("m1")


def test_pull_returns_the_pushed_layout(registry: Registry, make_image: MakeImage, tmp_path: Path) -> None:
    image = make_image()
    registry.push(image, "m1")
    pulled = registry.pull(layout.index_digest(image), tmp_path / "pulled")
    files = {p.relative_to(image): p.read_bytes() for p in image.rglob("*") if p.is_file()}
    again = {p.relative_to(pulled): p.read_bytes() for p in pulled.rglob("*") if p.is_file()}
    assert {k: v for k, v in files.items() if k.name != "oci-layout"} == {
        k: v for k, v in again.items() if k.name != "oci-layout"
    }
    registry.verify(image, "m1", tmp_path)


def test_verify_rejects_another_or_damaged_image(registry: Registry, make_image: MakeImage, tmp_path: Path) -> None:
    image, other = make_image("one"), make_image("two")
    registry.push(other, "m1")
    with pytest.raises(RegistryError, match="blobs that differ from the pushed ones"):
        registry.verify(image, "m1", tmp_path)
    model = next(p for p in (other / "blobs/sha256").iterdir() if b"two" in p.read_bytes())
    model.write_bytes(model.read_bytes().replace(b"two", b"owt"))
    with pytest.raises(BundleError, match=model.name):
        registry.verify(other, "m1", tmp_path)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "/blobs/uploads/", status=503, times=4),
        Fault("PUT", "/manifests/", status=503, times=4),
        Fault("PUT", "/manifests/", status=429, headers={"Retry-After": "1"}, times=2),
        Fault("HEAD", "/manifests/", status=500, times=2),
        Fault("PATCH", "/blobs/uploads/", reset=True, times=3),
        Fault("PUT", "/manifests/", reset=True, times=2),
    ],
    ids=["503 uploads", "503 manifests", "429", "500 manifest", "reset uploads", "reset manifests"],
)
def test_temporary_fault_is_retried(
    registry: Registry, shaky: Registry, proxy: RegistryProxy, make_image: MakeImage, fault: Fault, tmp_path: Path
) -> None:
    proxy.faults.append(fault)
    image = make_image()
    assert shaky.push(image, "m1") is True
    assert fault.times == 0, "the fault was not triggered"
    registry.verify(image, "m1", tmp_path)


def test_permanent_fault_fails_within_budget_and_moves_no_tag(
    registry: Registry, proxy: RegistryProxy, repository: str, crane: Path, make_image: MakeImage
) -> None:
    first = make_image("one")
    registry.push(first, "m1")
    registry.tag("m1", "champion")
    proxy.faults.append(Fault("PUT", "/manifests/", status=503, times=10**6))
    short = Registry(f"{proxy.address}/{repository}", crane, budget_s=2)
    with pytest.raises(RegistryError, match=r"crane push.*failed.*503.*it moved no tag") as caught:
        short.push(make_image("two"), "m2")
    assert proxy.address in str(caught.value)
    assert registry.tags() == ["champion", "m1"]
    assert registry.digest("champion") == layout.index_digest(first)


def test_registry_that_never_answers_is_reported(
    proxy: RegistryProxy, repository: str, crane: Path, make_image: MakeImage
) -> None:
    proxy.faults.append(Fault("HEAD", "/manifests/", hold=True, times=10**6))
    with pytest.raises(RegistryError, match="no answer within"):
        Registry(f"{proxy.address}/{repository}", crane, budget_s=1).push(make_image(), "m1")


def test_denied_push_is_tried_twice(shaky: Registry, proxy: RegistryProxy, make_image: MakeImage) -> None:
    proxy.faults.append(Fault("POST", "/blobs/uploads/", status=401, times=10**6))
    with pytest.raises(RegistryError, match=r"failed 2 times.*Log in"):
        shaky.push(make_image(), "m1")


def test_registry_error_is_not_reported_as_missing_tag(proxy: RegistryProxy, repository: str, crane: Path) -> None:
    proxy.faults += [Fault(method, "/manifests/", status=502, times=10**6) for method in ("HEAD", "GET")]
    with pytest.raises(RegistryError, match="502"):
        Registry(f"{proxy.address}/{repository}", crane, budget_s=1).digest("champion")


def test_unreachable_registry_is_reported_with_a_fix(crane: Path, make_image: MakeImage) -> None:
    down = Registry(f"{free_address()}/shop/scorer", crane, budget_s=1)
    with pytest.raises(RegistryError, match=r"no answer.*leapline registry start"):
        down.ping()
    with pytest.raises(RegistryError, match=r"connection refused.*leapline registry start"):
        down.push(make_image(), "m1")


def test_ping_succeeds_and_missing_crane_is_reported(registry: Registry, tmp_path: Path) -> None:
    registry.ping()
    with pytest.raises(ToolMissingError, match="make setup"):
        Registry(registry.image, tmp_path / "crane").tags()


def test_push_after_a_kill_sends_only_the_manifest(
    registry: Registry, shaky: Registry, proxy: RegistryProxy, make_image: MakeImage, tmp_path: Path, crane: Path
) -> None:
    """After the kill the tag does not exist."""
    image, fault = make_image(), Fault("PUT", "/manifests/m1", hold=True)
    proxy.faults.append(fault)
    code = "import sys; from pathlib import Path; from leapline.serving.registry import Registry; "
    code += "Registry(sys.argv[1], Path(sys.argv[2])).push(Path(sys.argv[3]), 'm1')"
    args = [sys.executable, "-c", code, shaky.image, str(crane), str(image)]
    process = subprocess.Popen(args, start_new_session=True)
    assert fault.held.wait(20)
    subprocess.run(["kill", "-9", "--", f"-{process.pid}"], check=True)
    assert process.wait(10) == -signal.SIGKILL
    assert registry.digest("m1") is None
    uploads = proxy.count("POST", "/blobs/uploads/")
    assert shaky.push(image, "m1") is True
    assert proxy.count("POST", "/blobs/uploads/") == uploads, "blobs were sent twice"
    registry.verify(image, "m1", tmp_path)


def test_uses_credential_helper_of_docker_config(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_image: MakeImage
) -> None:
    """The helper is called for the host, and crane receives no password as an argument."""
    helper = tmp_path / "bin" / "docker-credential-leaptest"
    helper.parent.mkdir()
    helper.write_text(f"""#!/bin/sh\ncat > {tmp_path}/asked\necho '{{"Username":"u","Secret":"s"}}'\n""")
    helper.chmod(0o755)
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text(f'{{"credHelpers": {{"{registry.host}": "leaptest"}}}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("PATH", str(helper.parent), prepend=":")
    registry.push(make_image(), "m1")
    assert (tmp_path / "asked").read_text().strip() == registry.host


def test_pull_replaces_the_target_folder(registry: Registry, make_image: MakeImage, tmp_path: Path) -> None:
    registry.push(make_image(), "m1")
    (tmp_path / "pulled").mkdir()
    (tmp_path / "pulled" / "old").write_text("old")
    registry.pull("m1", tmp_path / "pulled")
    assert not (tmp_path / "pulled" / "old").exists()
    assert not list(tmp_path.glob(".pulled*"))
    shutil.rmtree(tmp_path / "pulled")
    with pytest.raises(RegistryError):
        registry.pull("absent", tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()


def test_retries_end_within_the_budget(proxy: RegistryProxy, repository: str, crane: Path) -> None:
    proxy.faults.append(Fault("GET", "/tags/list", status=503, times=10**6))
    started = time.monotonic()
    with pytest.raises(RegistryError):
        Registry(f"{proxy.address}/{repository}", crane, budget_s=1).tags()
    assert time.monotonic() - started < 20  # The budget includes the retries inside crane.
