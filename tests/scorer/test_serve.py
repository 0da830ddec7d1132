"""`scorer serve` as a process: its start on each platform, its exit and its output."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from leapline import __version__
from leapline.errors import ScorerError
from leapline.serving.client import ScorerClient
from tests.ports import free_port
from tests.scorer.conftest import await_ready


def start(binary: Path, *arguments: str | Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [binary, "serve", *arguments],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("extra", [(), ("serve",)], ids=["default command", "SageMaker command"])
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_listens_on_port_of_environment_and_stops_cleanly(
    scorer_binary: Path, small_bundle: Path, extra: tuple[str, ...], stop: signal.Signals
) -> None:
    port = free_port()
    process = start(scorer_binary, small_bundle, *extra, PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    model = await_ready(url, process)
    with ScorerClient(url) as client:
        [answer] = client.predict([{"colour": "a secret colour", "x0": -1.5}])
        event = {"ts": "2026-03-01T12:00:00Z", "kind": "item_view", "item": "a secret item"}
        [scored] = client.score([{"session": "a secret id", "events": [event]}])
        with pytest.raises(ScorerError, match="/sessions/0/events/0/ts: must be an ISO 8601 time"):
            client.score([{"session": "a secret id", "events": [event | {"ts": "a secret"}]}])
    assert answer["segment"] == "buy"
    assert scored["session"] == "a secret id"
    assert scored["events_seen"] == 1
    process.send_signal(stop)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["msg"] for line in lines] == ["start", "ready", "shutdown", "stopped"]
    assert lines[1]["model"] == model
    assert lines[1]["since_start_ms"] > 0
    assert "secret" not in err


def test_user_errors_are_reported_in_one_line(scorer_binary: Path, small_bundle: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(small_bundle.read_bytes()[:-100])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for arguments, reason in [
            (("--addr", address, small_bundle), "address already in use"),
            (("--addr", "127.0.0.1:0", tmp_path / "none.zip"), "none.zip"),
            (("--addr", "127.0.0.1:0", cut), "cut.zip"),
        ]:
            process = start(scorer_binary, *arguments)
            _, err = process.communicate(timeout=20)
            assert process.returncode == 1
            [output] = [line for line in err.splitlines() if line.startswith("scorer: ")]
            assert reason in output
            assert err.endswith(output + "\n")


def test_scorer_version_equals_package_version(scorer_binary: Path) -> None:
    output = subprocess.run([str(scorer_binary), "version"], capture_output=True, text=True, check=True).stdout
    assert output.strip() == __version__
