"""`spark-submit` for drivers that run in the task, on every kind of cluster."""

from typing import Any

from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook


class ClientSubmitHook(SparkSubmitHook):
    """Airflow's hook, without the parts for drivers in pods.

    For every master whose address contains `k8s`, Airflow's hook requires the Kubernetes provider and expects the pod
    of a driver. In deploy mode `client` neither is used, and the provider makes each parse of a DAG seconds longer.
    """

    @property
    def _is_kubernetes(self) -> bool:
        return False

    @_is_kubernetes.setter
    def _is_kubernetes(self, value: bool) -> None:
        """Ignore what the base class derives from the master's address."""

    def namespace_option(self) -> dict[str, str]:
        """Return Spark's option for the namespace that the connection names, if it names one."""
        connection: dict[str, Any] = self._connection
        is_pods = connection["master"].startswith("k8s://")
        return {"spark.kubernetes.namespace": connection["namespace"]} if is_pods and connection["namespace"] else {}
