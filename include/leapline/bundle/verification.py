"""Does a bundle still answer as it did when its rows were saved? Runs the scorer over them and compares."""

import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leapline.errors import InputError, ScorerError, ToolMissingError

_TIMEOUT_S = 600
_SHOWN = 5


def verify(
    bundle: Path, rows: Path, *, expected: Path | None = None, scorer: Path, tolerance: float = 1e-9
) -> dict[str, Any]:
    """Scores the rows and compares every expected column, cell by cell.

    Args:
        rows: a leap frame as JSON, with the expected outputs under `expected` or in the file of that name: a list of
            objects {column: number, text, list of numbers or null}, one a row.
        tolerance: greatest |difference| / max(1, |expected|) of a number.

    Returns:
        `passed`, `rows`, `tolerance`, and by column `worst` (greatest difference, infinite for another text or length),
        `wrong` (cells beyond the tolerance) and `examples` of them.

    Raises:
        InputError: the rows or the expected outputs cannot be used.
        ToolMissingError: no scorer at `scorer`.
        ScorerError: the scorer refused the bundle or the rows.
    """
    frame, wanted = _load(rows, expected)
    answers = transform(bundle, frame, scorer)
    if len(answers) != len(wanted):
        raise ScorerError("scorer", found=f"{len(answers)} rows", expected=f"{len(wanted)} rows", fix="Report this.")
    columns = list(dict.fromkeys(column for row in wanted for column in row))
    results = {column: _column(column, answers, wanted, tolerance) for column in columns}
    passed = bool(results) and bool(wanted) and not any(r["wrong"] for r in results.values())
    return {"passed": passed, "rows": len(wanted), "tolerance": tolerance, "columns": results}


def transform(bundle: Path, frame: Mapping[str, Any], scorer: Path) -> list[dict[str, Any]]:
    """The scorer's output for a leap frame: one object a row, vectors dense.

    Raises:
        ToolMissingError: no scorer at `scorer`.
        ScorerError: the scorer refused the bundle or the rows.
    """
    try:
        done = subprocess.run(
            [scorer, "transform", bundle], input=json.dumps(frame).encode(), capture_output=True, timeout=_TIMEOUT_S
        )
    except FileNotFoundError as exc:
        raise ToolMissingError(
            "scorer", found=f"no {scorer}", expected="the scorer binary", fix="Run `make setup`."
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise ScorerError(
            f"scorer on {bundle}", found=f"no answer in {_TIMEOUT_S} s", expected="an answer", fix="Send fewer rows."
        ) from exc
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise ScorerError(
            f"scorer on {bundle}", found=said, expected="a leap frame", fix="Correct the bundle or the rows."
        )
    out = json.loads(done.stdout)
    names = [f["name"] for f in out["schema"]["fields"]]
    return [dict(zip(names, map(_dense, row), strict=True)) for row in out["rows"]]


def _load(rows: Path, expected: Path | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    frame = _json(rows)
    if not isinstance(frame, dict) or not {"schema", "rows"} <= frame.keys():
        raise InputError(
            f"rows {rows}", found="no leap frame", expected='{"schema": ..., "rows": ...}', fix="Correct it."
        )
    wanted = _json(expected) if expected else frame.pop("expected", None)
    if not isinstance(wanted, list) or not all(isinstance(row, dict) for row in wanted):
        raise InputError(
            f"expected outputs of {rows}",
            found="none" if wanted is None else "something else",
            expected="a list of objects, one a row, under `expected` or in a file of its own",
            fix="Save them with the rows, or pass --expected FILE.",
        )
    return {"schema": frame["schema"], "rows": frame["rows"]}, wanted


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
    for (place,), value in zip(cell["indices"], cell["values"], strict=True):
        out[place] = value
    return out


def _column(
    name: str, answers: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], tolerance: float
) -> dict[str, Any]:
    worst, wrong, examples = 0.0, 0, []
    for place, (answer, want) in enumerate(zip(answers, wanted, strict=True)):
        if name not in want:
            continue
        difference = _difference(answer.get(name), want[name])
        worst = max(worst, difference)
        if not difference <= tolerance:
            wrong += 1
            examples.append({"row": place, "expected": want[name], "found": answer.get(name)})
    return {"worst": worst, "wrong": wrong, "examples": examples[:_SHOWN]}


def _difference(found: Any, wanted: Any) -> float:
    if isinstance(found, list) and isinstance(wanted, list):
        if len(found) != len(wanted):
            return math.inf
        return max(map(_difference, found, wanted), default=0.0)
    if _is_number(found) and _is_number(wanted):
        if math.isnan(wanted) or math.isnan(found):
            return 0.0 if math.isnan(wanted) and math.isnan(found) else math.inf
        return 0.0 if found == wanted else abs(found - wanted) / max(1.0, abs(wanted))
    return 0.0 if found == wanted else math.inf


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
