"""A YARN cluster on this machine: Hadoop's own resource manager and two node managers, in one JVM.

Hadoop's MiniYARNCluster comes from Maven Central, with the libraries that it needs but does not contain; they are
downloaded once into `.local/yarn-jars`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.runtime.spark_jars import MAVEN_CENTRAL, REPOSITORY_VARIABLE, download, listed_jars
from tests.conftest import ROOT

_LIST: Final = Path(__file__).with_name("yarn_jars.txt")
_SPARK_JARS: Final = Path(str(files("pyspark"))) / "jars"
_MANAGER: Final = "org.apache.hadoop.yarn.server.resourcemanager"
_NODES: Final = 2
_OPTIONS: Final = {
    "fs.defaultFS": "file:///",
    "yarn.nodemanager.vmem-check-enabled": "false",
    "yarn.nodemanager.resource.memory-mb": "3072",
    "yarn.scheduler.minimum-allocation-mb": "256",
    # The disk of a developer's machine may be fuller than the default allows.
    "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.5",
    "yarn.resourcemanager.scheduler.class": f"{_MANAGER}.scheduler.fifo.FifoScheduler",
}


@dataclass(frozen=True)
class Yarn:
    """A running cluster.

    Args:
        configuration: the folder of its configuration, for `HADOOP_CONF_DIR`.
        cluster: Hadoop's object.
    """

    configuration: Path
    cluster: Any

    @property
    def applications(self) -> dict[str, str]:
        """The applications that the resource manager has seen, by name, and how each has ended."""
        seen = self.cluster.getResourceManager().getRMContext().getRMApps().values()
        return {app.getName(): app.getFinalApplicationStatus().toString() for app in seen}


@contextmanager
def yarn_cluster(folder: Path) -> Iterator[Yarn]:
    """Run a cluster."""
    jars = ROOT / ".local/yarn-jars"
    download(jars, os.environ.get(REPOSITORY_VARIABLE) or MAVEN_CENTRAL, listed_jars(_LIST))
    # Text, because py4j writes decoded lines; after an error its thread would leave the pipe to fill up.
    with (folder / "yarn.log").open("w", buffering=1, encoding="utf-8") as log:
        port = launch_gateway(
            jarpath=str(next(_SPARK_JARS.glob("py4j*.jar"))), classpath=f"{jars}/*:{_SPARK_JARS}/*", die_on_exit=True,
            # The cluster's dependency injection defines classes at run time.
            javaopts=["-Xmx512m", "--add-opens=java.base/java.lang=ALL-UNNAMED"],
            redirect_stdout=log, redirect_stderr=log, cwd=str(folder),
        )  # fmt: skip
        gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port))
        jvm = gateway.jvm
        configuration = jvm.org.apache.hadoop.yarn.conf.YarnConfiguration()
        for name, value in _OPTIONS.items():
            configuration.set(name, value)
        cluster = jvm.org.apache.hadoop.yarn.server.MiniYARNCluster("leapline", _NODES, 1, 1)
        try:
            cluster.init(configuration)
            cluster.start()
            (folder / "conf").mkdir()
            out = jvm.java.io.FileOutputStream(str(folder / "conf/yarn-site.xml"))
            cluster.getConfig().writeXml(out)
            out.close()
            yield Yarn(folder / "conf", cluster)
        finally:
            cluster.stop()
            gateway.shutdown()


def spark_options() -> dict[str, str]:
    """Return Spark's options for small executors that use this machine's Spark instead of a copy of it."""
    return {
        "spark.executor.instances": str(_NODES),
        "spark.executor.memory": "700m",
        "spark.executor.defaultJavaOptions": FEW_EVENTS,
        "spark.yarn.am.memory": "400m",
        "spark.yarn.jars": f"local:{_SPARK_JARS}/*",
    }
