"""Verification of a bundle: score saved rows and compare with the expected outputs."""

import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leapline.bundle.archive import FilePath
from leapline.confinement import Limits, limited
from leapline.errors import InputError, ScorerError, ToolMissingError

_TIMEOUT_S = 600
_MAX_EXAMPLES = 5


def verify(
    bundle: FilePath, rows: FilePath, *, expected: FilePath | None = None, scorer: FilePath, tolerance: float = 1e-9
) -> dict[str, Any]:
    """Score the rows and compare every expected column, cell by cell.

    Args:
        bundle: the archive.
        rows: a leap frame (JSON). It contains the expected outputs under `expected`, unless the argument `expected` is
            given: a list with one object per row, column -> number, string, list of numbers or null.
        expected: a JSON file with the expected outputs.
        scorer: the scorer binary.
        tolerance: maximum of |difference| / max(1, |expected|) for a number.

    Returns:
        `passed`, `rows`, `tolerance` and `columns`: per column `worst` (the maximum difference; infinite for another
        string or length), `wrong` (the number of cells that exceed the tolerance) and `examples` of these.

    Raises:
        InputError: the rows or the expected outputs are invalid.
        ToolMissingError: there is no scorer at `scorer`.
        ScorerError: the scorer rejected the bundle or the rows.
    """
    frame, expected_rows = _load(rows, expected)
    answers = transform(bundle, frame, scorer)
    if len(answers) != len(expected_rows):
        raise ScorerError(
            "scorer", found=f"{len(answers)} rows", expected=f"{len(expected_rows)} rows", fix="Report this."
        )
    columns = list(dict.fromkeys(column for row in expected_rows for column in row))
    results = {column: _column(column, answers, expected_rows, tolerance) for column in columns}
    passed = bool(results) and bool(expected_rows) and not any(r["wrong"] for r in results.values())
    return {"passed": passed, "rows": len(expected_rows), "tolerance": tolerance, "columns": results}


def transform(bundle: FilePath, frame: Mapping[str, Any], scorer: FilePath) -> list[dict[str, Any]]:
    """Score a leap frame.

    Returns:
        One object per row, with dense vectors.

    Raises:
        ToolMissingError: there is no scorer at `scorer`.
        ScorerError: the scorer rejected the bundle or the rows.
    """
    if not Path(scorer).is_file():
        raise ToolMissingError("scorer", found=f"no {scorer}", expected="the scorer binary", fix="Run `make setup`.")
    try:
        process = subprocess.run(
            limited([str(scorer), "transform", str(bundle)], Limits()), input=json.dumps(frame).encode(),
            capture_output=True, timeout=_TIMEOUT_S, env={},
        )  # fmt: skip
    except subprocess.TimeoutExpired as exc:
        raise ScorerError(
            f"scorer on {bundle}", found=f"no result after {_TIMEOUT_S} s", expected="a result", fix="Score fewer rows."
        ) from exc
    if process.returncode:
        message = process.stderr.decode(errors="replace").strip() or f"exit code {process.returncode}"
        raise ScorerError(
            f"scorer on {bundle}", found=message, expected="a leap frame", fix="Correct the bundle or the rows."
        )
    out = json.loads(process.stdout)
    names = [f["name"] for f in out["schema"]["fields"]]
    return [dict(zip(names, map(_dense, row), strict=True)) for row in out["rows"]]


def _load(rows: FilePath, expected: FilePath | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    frame = _json(Path(rows))
    if not isinstance(frame, dict) or not {"schema", "rows"} <= frame.keys():
        raise InputError(
            f"rows {rows}",
            found="something else",
            expected='a leap frame, {"schema": ..., "rows": ...}',
            fix="Correct the file.",
        )
    expected_rows = _json(Path(expected)) if expected else frame.pop("expected", None)
    if not isinstance(expected_rows, list) or not all(isinstance(row, dict) for row in expected_rows):
        raise InputError(
            f"expected outputs for {rows}",
            found="none" if expected_rows is None else "something else",
            expected="a list with one object per row, under `expected` or in a separate file",
            fix="Save them with the rows, or pass --expected FILE.",
        )
    return {"schema": frame["schema"], "rows": frame["rows"]}, expected_rows


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise InputError(f"file {path}", found=str(exc), expected="JSON", fix="Correct the path or the file.") from exc


def _dense(cell: Any) -> Any:
    if not isinstance(cell, dict) or "values" not in cell:
        return cell
    if "indices" not in cell:
        return cell["values"]
    out = [0.0] * math.prod(cell["dimensions"])
    for (position,), value in zip(cell["indices"], cell["values"], strict=True):
        out[position] = value
    return out


def _column(
    name: str, answers: Sequence[Mapping[str, Any]], expected_rows: Sequence[Mapping[str, Any]], tolerance: float
) -> dict[str, Any]:
    worst, wrong, examples = 0.0, 0, []
    for index, (answer, expected) in enumerate(zip(answers, expected_rows, strict=True)):
        if name not in expected:
            continue
        difference = _difference(answer.get(name), expected[name])
        worst = max(worst, difference)
        if not difference <= tolerance:
            wrong += 1
            examples.append({"row": index, "expected": expected[name], "found": answer.get(name)})
    return {"worst": worst, "wrong": wrong, "examples": examples[:_MAX_EXAMPLES]}


def _difference(actual: Any, expected: Any) -> float:
    if isinstance(actual, list) and isinstance(expected, list):
        if len(actual) != len(expected):
            return math.inf
        return max(map(_difference, actual, expected), default=0.0)
    if _is_number(actual) and _is_number(expected):
        if math.isnan(expected) or math.isnan(actual):
            return 0.0 if math.isnan(expected) and math.isnan(actual) else math.inf
        return 0.0 if actual == expected else abs(actual - expected) / max(1.0, abs(expected))
    return 0.0 if actual == expected else math.inf


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
