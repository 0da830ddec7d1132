"""Histories that could not have happened one after the other are rejected."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.checker import build, check, go
from tests.simulator.history import NEVER

A, B, C = "sha256:a", "sha256:b", "sha256:c"


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if go() is None:
        pytest.skip("GO MISSING: run `make setup`; no history was checked")
    return build(tmp_path_factory.mktemp("linearizability"))


def call(
    op: str, begin: int, end: int, kind: str = "moved", champion: str | None = None, **content: Any
) -> dict[str, Any]:
    """A call of its own client; `entries` is what was read, anything else belongs to the input."""
    output = {"kind": kind, "champion": champion, "entries": content.pop("entries", None)}
    return {"seed": 1, "lake": "l", "client": f"{op} {begin}", "op": op, "input": content, "output": output,
            "call": begin, "return": end}  # fmt: skip


def begun(**content: Any) -> dict[str, Any]:
    first = call("begin", -1, -1)
    return first | {"input": {"champion": A, "previous": None, "entries": ["sha256:a r0"]} | content}


def promotion(begin: int, end: int, after: str, before: str, run: str, kind: str = "moved") -> dict[str, Any]:
    champion = after if kind == "moved" else None
    return call("promote", begin, end, kind, champion, digest=after, expected_current=before, run=run,
                intent={"before": before, "after": after})  # fmt: skip


def is_linearizable(binary: Path, folder: Path, *calls: dict[str, Any]) -> bool:
    history = folder / "history.jsonl"
    history.write_text("".join(json.dumps(entry) + "\n" for entry in calls))
    return check(binary, history)[0]


def test_moves_and_reads_one_after_the_other(binary: Path, tmp_path: Path) -> None:
    assert is_linearizable(
        binary, tmp_path, begun(), promotion(1, 9, B, A, "r1"), call("read", 2, 3, "read", A),
        call("read", 4, 5, "read", B), call("entries", 10, 11, "read", entries=["sha256:a r0", "sha256:b r1"]),
        call("rollback", 12, 13, "moved", A, to=None, run="r2", intent={"before": B, "after": A}),
        call("read", 14, 15, "read", A),
    )  # fmt: skip


def test_move_of_unknown_result_happens_later_or_never(binary: Path, tmp_path: Path) -> None:
    unknown = promotion(1, NEVER, B, A, "r1", "unknown")
    assert is_linearizable(binary, tmp_path, begun(), unknown, call("read", 2, 3, "read", A))
    assert is_linearizable(
        binary, tmp_path, begun(), unknown, call("read", 2, 3, "read", A), call("read", 4, 5, "read", B)
    )


def test_champion_that_goes_back_by_itself_is_rejected(binary: Path, tmp_path: Path) -> None:
    assert not is_linearizable(
        binary, tmp_path, begun(), promotion(1, 9, B, A, "r1"), call("read", 2, 3, "read", B),
        call("read", 4, 5, "read", A),
    )  # fmt: skip


def test_two_promotions_over_the_same_champion_are_rejected(binary: Path, tmp_path: Path) -> None:
    assert not is_linearizable(
        binary, tmp_path, begun(), promotion(1, 9, B, A, "r1"), promotion(2, 8, C, A, "r2"),
        call("read", 10, 11, "read", C),
    )  # fmt: skip


@pytest.mark.parametrize(
    "entries", [["sha256:a r0"], ["sha256:a r0", "sha256:b r1", "sha256:b r1"], ["sha256:b r1", "sha256:a r0"]]
)
def test_ledger_that_loses_repeats_or_exchanges_entries_is_rejected(
    binary: Path, tmp_path: Path, entries: list[str]
) -> None:
    assert not is_linearizable(
        binary, tmp_path, begun(), promotion(1, 2, B, A, "r1"), call("entries", 3, 4, "read", entries=entries)
    )


def test_rollback_to_another_model_than_the_previous_one_is_rejected(binary: Path, tmp_path: Path) -> None:
    assert not is_linearizable(
        binary, tmp_path, begun(previous=C), promotion(1, 2, B, A, "r1"),
        call("rollback", 3, 4, "moved", "sha256:d", to=None, run="r2", intent={"before": B, "after": "sha256:d"}),
    )  # fmt: skip


def test_empty_history_is_no_success(binary: Path, tmp_path: Path) -> None:
    assert not is_linearizable(binary, tmp_path)
