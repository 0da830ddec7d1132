"""The scorer's responses match its OpenAPI document for requests that schemathesis generates from it."""

import subprocess
import sys
from pathlib import Path

from tests.scorer.conftest import Scorer

CONFIG = Path(__file__).with_name("schemathesis.toml")


def test_responses_match_the_documented_schema(scorer: Scorer, tmp_path: Path) -> None:
    st = Path(sys.executable).with_name("st")
    run = subprocess.run(
        [st, "--config-file", CONFIG, "run", "--continue-on-failure", f"{scorer.url}/openapi.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert scorer.process.poll() is None
