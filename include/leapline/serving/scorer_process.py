"""Start a scorer process: this installation's scorer on an archive, or an image built by this installation.

Content of a registry is never executed. The process receives only the environment variables passed here, and therefore
no settings, keys or cloud credentials. It listens on loopback, in a private folder of the caller; as another user, with
limits and in a network of its own where the platform allows it (`leapline.confinement`, `private_network`).
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from leapline.confinement import Limits, limited, popen_options
from leapline.errors import ProbeError, ScorerError, ToolMissingError
from leapline.serving.client import ScorerClient
from leapline.serving.execution import Execution, native
from leapline.serving.image import ENTRYPOINT
from leapline.serving.layout import Unpacked, blobs, index_digest, unpack
from leapline.serving.platforms import host_architecture
from leapline.serving.private_network import PrivateNetwork, private_network
from leapline.settings import Settings
from leapline.signing.key_ring import key_ring

START_TIMEOUT_S = 10.0
EMULATED_START_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class ScorerProcess:
    """A running scorer.

    Attributes:
        process: the operating system's process.
        port: its port on 127.0.0.1 of its network.
        started: `time.perf_counter()` at its start.
        network: that it is in.
    """

    process: "subprocess.Popen[bytes]"
    port: int
    started: float
    network: PrivateNetwork

    def client(self, timeout_s: float = 5.0) -> ScorerClient:
        """Return a client of the scorer; one after another, or several at the same time."""
        url = f"http://127.0.0.1:{self.port}"
        return ScorerClient(url, timeout_s=timeout_s, connect=self.network.connect)

    def await_ready(self, client: ScorerClient, timeout_s: float | None = None) -> str:
        """Wait until the scorer is ready.

        Args:
            client: of this process.
            timeout_s: how long; the time of a scorer of this machine's platform if None.

        Returns:
            The id of the served model.

        Raises:
            ScorerError: the process exited, or is not ready in time.
        """
        deadline = time.monotonic() + (timeout_s or START_TIMEOUT_S)
        while True:
            try:
                return str(client.ready().get("model", ""))
            except ScorerError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.001)


@contextmanager
def start(
    argv: Sequence[str], env: Mapping[str, str], workdir: Path, log: Path, limits: Limits | None = None
) -> Iterator[ScorerProcess]:
    """Start a scorer on a free port of loopback, and terminate it at the end of the `with` block.

    Args:
        argv: program and arguments; paths are relative to the working folder, because another user may not be able to
            pass the folders above it.
        env: the complete environment; only `PORT` is added.
        workdir: the working folder of the process, with all that it needs.
        log: file for standard output and standard error.
        limits: of the process; the usual ones if None.
    """
    with private_network() as network:
        port = network.run(_free_port)
        with log.open("wb") as output:
            # `PORT` alone would mean all interfaces.
            command = limited([*argv, "--addr", f"127.0.0.1:{port}"], limits or Limits())
            options = popen_options(workdir)
            started = time.perf_counter()
            process = network.run(
                lambda: subprocess.Popen(
                    command, cwd=workdir, env={**env, "PORT": str(port)},
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options,
                )
            )  # fmt: skip
        try:
            yield ScorerProcess(process, port, started, network)
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def serve_archive(scorer: Path, archive: Path, workdir: Path) -> Iterator[ScorerClient]:
    """Serve an archive with this installation's scorer.

    Args:
        scorer: the compiled scorer of this machine's architecture.
        archive: the model archive.
        workdir: a private working folder.

    Raises:
        ToolMissingError: the scorer is missing.
        ScorerError: the scorer does not start, for example because the archive is not a model.
    """
    if not scorer.is_file():
        raise ToolMissingError("scorer", found=f"no {scorer}", expected="the compiled scorer", fix="Run `make setup`.")
    private = workdir / "private"
    private.mkdir()
    for source, name in ((scorer, "scorer"), (archive, "model.zip")):
        shutil.copy(source, private / name)
    argv = ["./scorer", "serve", "model.zip"]
    with start(argv, {}, private, workdir / "scorer.log") as process, process.client() as client:
        process.await_ready(client)
        yield client


@contextmanager
def run_image(layout: Path, digest: str, workdir: Path) -> Iterator[ScorerClient]:
    """Start an image built by this installation.

    Args:
        layout: the image layout.
        digest: digest of the image when it was built.
        workdir: a private folder for the unpacked image.

    Raises:
        ProbeError: the layout contains another image.
        BundleError: the layout is damaged or has no image for this machine.
        ScorerError: the scorer does not start.
    """
    image = unpack_built(layout, digest, workdir / "root")
    with start_image(image, workdir / "scorer.log") as process, process.client() as client:
        process.await_ready(client)
        yield client


def unpack_built(layout: Path, digest: str, into: Path, arch: str = "") -> Unpacked:
    """Unpack an image after comparing its digest and command with those of the build.

    Args:
        layout: the image layout.
        digest: digest of the image when it was built.
        into: folder for the files, which is replaced.
        arch: the platform; this machine's if empty.

    Raises:
        ProbeError: the layout contains another image, or another command than the scorer's.
        BundleError: the layout is damaged or has no image for this platform.
    """
    actual_digest = index_digest(layout)
    if actual_digest != digest:
        raise _not_built(layout, f"image {actual_digest}", f"image {digest}, as it was built")
    blobs(layout)
    image = unpack(layout, arch or host_architecture(), into)
    if image.argv != ENTRYPOINT:
        raise _not_built(layout, f"the command {image.argv}", f"{ENTRYPOINT}")
    return image


def start_image(
    image: Unpacked, log: Path, env: Mapping[str, str] | None = None, execution: Execution | None = None
) -> AbstractContextManager[ScorerProcess]:
    """Start an unpacked image with only the environment of its config, and `env`.

    Args:
        image: for the platform of `execution`.
        log: file for standard output and standard error.
        env: further variables.
        execution: how that platform's programs are executed here; natively if None.
    """
    argv = [*(execution or native()).command, *(_on_host(image.root, part) for part in image.argv)]
    return start(argv, image.env | dict(env or {}), image.root, log)


def public_keys(settings: Settings) -> dict[str, str]:
    """Return the variables with which a scorer accepts only models signed by a key of the installation; none if it has
    no keys.

    Raises:
        SettingsError: a key is damaged.
    """
    pem = "".join(key.pem for key in key_ring(settings).accepted)
    return {"SCORER_PUBLIC_KEYS": pem} if pem else {}


def _on_host(root: Path, argument: str) -> str:
    """Return a path inside the image relative to its root, and any other argument unchanged."""
    inside = argument.lstrip("/")
    return f"./{inside}" if argument.startswith("/") and (root / inside).exists() else argument


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _not_built(layout: Path, found: str, expected: str) -> ProbeError:
    return ProbeError(f"image {layout}", found=found, expected=expected, fix="Run `leapline package` and probe again.")
