"""The command `leapline bundle`, with text and JSON output."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leapline.bundle import convert, read
from leapline.bundle.cli import app
from leapline.errors import InputError, ToolMissingError

run = CliRunner().invoke


def test_inspect_shows_stages_columns_and_features(goldens: Path) -> None:
    path = str(goldens / "rf_mixed" / "bundle.pb.zip")
    shown = run(app, ["inspect", path]).output
    for text in ("random_forest_classifier", "trees 20", "colour  string", "x0  double", "colour=red", "gini"):
        assert text in shown
    document = json.loads(run(app, ["inspect", path, "--json", "--top", "3"]).output)
    assert document["inputs"][0] == {"name": "colour", "type": "string"}
    assert document["outputs"] == ["rawPrediction", "probability", "prediction"]
    assert [s["op"] for s in document["stages"]][-1] == "random_forest_classifier"
    assert document["stages"][-1]["trees"]["trees"] == 20
    assert document["top_features"]["features"][0]["name"] == "x0"
    assert len(document["top_features"]["features"]) == 3


def test_inspect_reads_every_golden_bundle(goldens: Path) -> None:
    for path in goldens.glob("*/bundle.*.zip"):
        assert run(app, ["inspect", str(path)]).exit_code == 0, path


def test_convert_to_protobuf_and_back_is_lossless(goldens: Path, tmp_path: Path) -> None:
    for case in ("bucketizer_logistic", "rf_imputer", "bisecting_kmeans"):
        first, second, third = (tmp_path / f"{case}.{n}.zip" for n in range(3))
        convert(goldens / case / "bundle.json.zip", first, "json")
        result = run(app, ["convert", str(first), str(second), "--to", "protobuf", "--json"])
        assert json.loads(result.output)["format"] == "protobuf" == read(second).format
        convert(second, third, "json")
        assert third.read_bytes() == first.read_bytes()
    assert run(app, ["convert", str(first), str(second), "--to", "xml"]).exit_code == 2


def test_diff_lists_changes_and_sets_exit_code(goldens: Path, tmp_path: Path) -> None:
    one, other = str(goldens / "rf_mixed" / "bundle.json.zip"), str(goldens / "rf_mixed" / "bundle.pb.zip")
    same = run(app, ["diff", one, other])
    assert same.exit_code == 0 and "The models are equal." in same.output
    third = str(goldens / "rf_imputer" / "bundle.pb.zip")
    changed = run(app, ["diff", one, third, "--json"])
    assert changed.exit_code == 1
    document = json.loads(changed.output)
    forest = next(s for s in document["stages"] if s["op"] == "random_forest_classifier")
    assert forest["trees"]["compared"] == forest["trees"]["changed"] == 20
    assert {"name": "num_features", "before": 13, "after": 14} in forest["attributes"]
    assert any(s["change"] == "added" and s["op"] == "imputer" for s in document["stages"])
    assert "The models differ." in run(app, ["diff", one, third]).output


def test_verify_reports_cells_over_tolerance(goldens: Path, scorer: Path, tmp_path: Path) -> None:
    case = goldens / "logistic_minmax"
    arguments = ["verify", str(case / "bundle.pb.zip"), str(case / "input.json"), "--scorer", str(scorer)]
    passed = run(app, [*arguments, "--expected", str(case / "spark_expected.json"), "--tolerance", "1e-12"])
    assert passed.exit_code == 0 and "passed: 200 rows" in passed.output
    wrong = json.loads((case / "spark_expected.json").read_text())
    wrong[3]["probability"][0] += 1e-6
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    failed = run(app, [*arguments, "--expected", str(tmp_path / "wrong.json"), "--json"])
    assert failed.exit_code == 1
    column = json.loads(failed.output)["columns"]["probability"]
    assert column["wrong"] == 1 and column["examples"][0]["row"] == 3
    assert column["worst"] == pytest.approx(1e-6, rel=1e-3)


def test_verify_names_missing_files(goldens: Path, tmp_path: Path) -> None:
    case = goldens / "logistic_minmax"
    bundle, rows = str(case / "bundle.pb.zip"), str(case / "input.json")
    assert isinstance(run(app, ["verify", bundle, rows]).exception, InputError)
    expected = ["--expected", str(case / "spark_expected.json")]
    absent = run(app, ["verify", bundle, rows, *expected, "--scorer", str(tmp_path / "absent")])
    assert isinstance(absent.exception, ToolMissingError)
    assert isinstance(run(app, ["verify", bundle, bundle]).exception, InputError)
