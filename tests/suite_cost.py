"""A pytest plugin: the longest test files run first, and the summary reports what the suite costs.

Parallel workers take whole files (`--dist loadfile`), so a long file that starts last would keep one worker busy alone.
`make test-durations` measures the files anew and writes durations.json.
"""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest

DURATIONS: Final = Path(__file__).with_name("durations.json")
_TOGETHER: Final = ("tests/ui/",)
"""Folders whose files share an installation that takes a minute to start, so that one worker takes them all."""
_SHOWN: Final = 8


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that records durations."""
    parser.addoption(
        "--record-durations", action="store_true", help=f"write the seconds of each file to {DURATIONS.name}"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the meter in the process that reports, which is not one of the workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Meter(config.getoption("--record-durations")), "suite-cost")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort files by their measured duration, longest first; the order within a file is kept."""
    seconds: dict[str, float] = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
    units: dict[str, float] = defaultdict(float)
    for file, duration in seconds.items():
        units[_unit(file)] += duration

    def order(item: pytest.Item) -> tuple[float, str, float, str]:
        file = _file(item.nodeid)
        return -units[_unit(file)], _unit(file), -seconds.get(file, 0.0), file

    items.sort(key=order)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give each worker whole files, as `--dist loadfile` does, and all files of a folder in `_TOGETHER` to one."""
    from xdist.scheduler import LoadFileScheduling

    class UnitScheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _unit(_file(nodeid))

    return UnitScheduling(config, log)


class Meter:
    """Adds up the durations of test files.

    Args:
        record: whether to write them to `DURATIONS` at the end.
    """

    def __init__(self, record: bool) -> None:
        self._record = record
        self._seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count set-up, test and tear-down."""
        self._seconds[_file(report.nodeid)] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Report the processor time of the suite and its longest files."""
        if not self._seconds:
            return
        ordered = sorted(self._seconds.items(), key=lambda entry: -entry[1])
        times = os.times()
        processor = times.user + times.system + times.children_user + times.children_system
        terminalreporter.section("cost of the suite")
        terminalreporter.write_line(f"processor time {processor:.0f} s, {sum(self._seconds.values()):.0f} s in tests")
        for name, seconds in ordered[:_SHOWN]:
            terminalreporter.write_line(f"{seconds:8.1f} s  {name}")
        if self._record:
            rounded = {name: round(seconds, 1) for name, seconds in ordered if seconds >= 1}
            DURATIONS.write_text(json.dumps(rounded, indent=1) + "\n")


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _unit(file: str) -> str:
    return next((folder for folder in _TOGETHER if file.startswith(folder)), file)
