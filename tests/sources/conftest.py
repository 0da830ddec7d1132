"""Fixtures of the tests of event sources."""

from datetime import date
from pathlib import Path

import pytest

from leapline.synthetic import GeneratorSpec, generate
from tests.events.lines import land
from tests.fakes.postgres import is_loadable
from tests.sources.contract import landed_lines


@pytest.fixture(scope="session")
def generated_events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A landing folder with generated days around that of the contract; all lines fit the types of a table."""
    generated, folder = tmp_path_factory.mktemp("generated"), tmp_path_factory.mktemp("loadable")
    generate(generated, GeneratorSpec(start=date(2026, 3, 1), days=3, sessions_per_day=150, broken=0))
    for when, lines in landed_lines(generated).items():
        land(folder, filter(is_loadable, lines), run=f"{when:%Y-%m-%d-%H-%M-%S}")
    return folder
