"""Commands for the services on this machine: the registry, Airflow, the demo."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from leapline.runtime.private_files import restrict_new_files
from leapline.settings import Settings

app = typer.Typer()
registry_app = typer.Typer(no_args_is_help=True, help="The local registry.")
app.add_typer(registry_app, name="registry")

out, err = Console(), Console(stderr=True)


def _settings() -> Settings:
    """Return the settings, and let nobody else read what the services write."""
    settings = Settings.load()
    restrict_new_files(settings)
    return settings


@registry_app.command("start")
def registry_start() -> None:
    """Start the local registry unless it is running already."""
    from leapline.local.registry_service import local_registry

    status = local_registry(_settings()).start()
    out.print(f"Registry running on {status.address} (process {status.pid})", highlight=False)


@registry_app.command("stop")
def registry_stop() -> None:
    """Stop the local registry; its images stay on disk."""
    from leapline.local.registry_service import local_registry

    out.print("Stopped" if local_registry(Settings.load()).stop() else "The registry was not running")


@app.command()
def up(port: Annotated[int, typer.Option(help="Loopback port of the web UI.")] = 8080) -> None:
    """Start Airflow's web UI with the nightly schedule, and the local registry."""
    from leapline.local.airflow import check_port
    from leapline.local.airflow import up as start
    from leapline.local.airflow_env import AirflowInstance
    from leapline.local.pseudonym_key import ensure_pseudonym_key
    from leapline.local.registry_service import local_registry

    settings = ensure_pseudonym_key(_settings())
    instance = AirflowInstance(settings.tools / "airflow", port)
    check_port(instance)
    local_registry(settings).start()
    start(settings, instance, lambda text: err.print(text, highlight=False))
    out.print(f"Airflow: {instance.url}  user: admin  password: {instance.password()}", highlight=False)
    out.print("Stop it with `make down`.", highlight=False)


@app.command()
def down(port: Annotated[int, typer.Option(help="Loopback port of the web UI.")] = 8080) -> None:
    """Stop Airflow and the local registry."""
    from leapline.local.airflow import down as stop
    from leapline.local.airflow_env import AirflowInstance
    from leapline.local.registry_service import local_registry

    settings = Settings.load()
    stop(AirflowInstance(settings.tools / "airflow", port), lambda text: out.print(text, highlight=False))
    stopped = local_registry(settings).stop()
    out.print("Stopped the registry; its images stay on disk" if stopped else "The registry was not running")


@app.command(
    "airflow",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def airflow_command(context: typer.Context) -> None:
    """Run Airflow's command line against the local Airflow, e.g. `leapline airflow backfill create --help`."""
    from leapline.local.airflow import command
    from leapline.local.airflow_env import AirflowInstance
    from leapline.local.pseudonym_key import ensure_pseudonym_key

    settings = ensure_pseudonym_key(_settings())
    sys.exit(command(settings, AirflowInstance(settings.tools / "airflow"), context.args))


@app.command()
def demo(
    day: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Data day; default: yesterday (UTC).")
    ] = None,
    days: Annotated[int, typer.Option(min=2, help="Days of events to generate; the last one is the data day.")] = 4,
    sessions_per_day: Annotated[int, typer.Option(help="Sessions per day.")] = 4000,
    s3: Annotated[bool, typer.Option("--s3", help="Keep events and lake in a bucket of a local S3 server.")] = False,
) -> None:
    """Run the whole pipeline on generated events: from Snowplow lines to a scored session."""
    from leapline.local.demo import run_demo

    last = day.date() if day else datetime.now(UTC).date() - timedelta(days=1)
    run_demo(_settings(), last, days, sessions_per_day, out, on_s3=s3)
