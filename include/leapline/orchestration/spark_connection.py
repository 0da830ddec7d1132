"""The Airflow connection that names the Spark master of the steps."""

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from leapline.errors import SettingsError
from leapline.runtime.spark_master import require_form


def require_client_mode(conn_id: str) -> str:
    """Return the master of a Spark connection whose drivers run in the task.

    Args:
        conn_id: of an Airflow connection of type Spark.

    Raises:
        SettingsError: there is no such connection (Spark's hook would use YARN instead), its master has a form that
            Spark does not understand, or it asks for drivers on the cluster.
    """
    thing = f"Airflow's connection {conn_id}"
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise SettingsError(
            thing,
            found="no such connection",
            expected="one of type Spark that names the master, such as local[*] or spark://host:7077",
            fix="Create it in Airflow under Admin > Connections.",
        ) from None
    master = _master(connection.conn_type, connection.host or "", connection.port)
    require_form(master, thing)
    mode = connection.extra_dejson.get("deploy-mode") or "client"
    if mode != "client":
        raise SettingsError(
            thing,
            found=f"deploy mode {mode}",
            expected="deploy mode client: the driver needs the settings and credentials of this task",
            fix="Set it in the connection; the executors run on the cluster all the same.",
        )
    return master


def _master(conn_type: str, host: str, port: int | None) -> str:
    """Return the master as Airflow's Spark hook does: a connection from a URI has the scheme as its type."""
    is_complete = conn_type == "spark" and host and ("://" in host or not port)
    return (host if is_complete else f"{conn_type}://{host}") + (f":{port}" if port else "")
