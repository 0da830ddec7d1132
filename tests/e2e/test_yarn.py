"""Steps on YARN: the results equal those of one machine."""

from datetime import timedelta
from pathlib import Path

import pytest

from leapline.settings import Settings
from leapline.storage import lake_of
from leapline.synthetic import GeneratorSpec, generate
from tests.e2e.night import DAY, TABLES, Night, run_steps, settings_of
from tests.fakes.yarn import spark_options, yarn_cluster
from tests.steps.nights import FEATURES, spec_of

pytestmark = [pytest.mark.cluster, pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(1200)]
STEPS = ["extract", "check_events", "featurize", "train"]


def night(settings: Settings) -> Night:
    run_steps(settings, steps=STEPS)
    return Night(settings, lake_of(settings))


def test_steps_on_yarn_equal_those_of_one_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(tmp_path / "landing", GeneratorSpec(start=DAY - timedelta(days=1), days=2, sessions_per_day=600))
    (tmp_path / "features.json").write_text(spec_of(FEATURES).dumps())
    where = {"landing": tmp_path / "landing", "features": tmp_path / "features.json"}
    expected = night(settings_of(tmp_path / "one", **where))
    (tmp_path / "spark").mkdir()
    (tmp_path / "spark/spark-defaults.conf").write_text("".join(f"{k} {v}\n" for k, v in spark_options().items()))
    with yarn_cluster(tmp_path) as yarn:
        monkeypatch.setenv("HADOOP_CONF_DIR", str(yarn.configuration))
        monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "spark"))
        settings = settings_of(tmp_path / "yarn", **where).model_copy(update={"spark_master": "yarn"})
        on_yarn = night(settings)
        assert yarn.applications == {"leapline-test": "SUCCEEDED"}
    for dataset, name in TABLES:
        assert on_yarn.table(dataset, name) == expected.table(dataset, name), (dataset, name)
    for step in ("extract", "featurize"):
        assert on_yarn.summary(step) == expected.summary(step)
    assert on_yarn.summary("train")["digest"] == expected.summary("train")["digest"]
    first, second = (each.lake.current("candidates", DAY) / "model.zip" for each in (expected, on_yarn))
    assert first.read_bytes() == second.read_bytes()
