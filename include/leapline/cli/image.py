"""The command `leapline image docker`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from leapline.cli.options import AsJson
from leapline.console import print_summary
from leapline.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Make other formats of a published image.")


@app.callback()
def image() -> None:
    """Keep `docker` a subcommand: Typer would make a single command the group itself."""


@app.command()
def docker(
    model: Annotated[str, typer.Argument(help="A model id, `champion`, `previous`, or an image's digest.")],
    arch: Annotated[Literal["amd64", "arm64"], typer.Option(help="Architecture of the platform.")],
    out: Annotated[Path | None, typer.Option(help="New folder for the image, as a layout that crane pushes.")] = None,
    push: Annotated[bool, typer.Option("--push", help="Publish it under <model id>-docker-<architecture>.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the image for one platform in Docker's format, as AWS Lambda and SageMaker require."""
    from leapline.deployment.docker_images import make_docker_image

    if out and out.exists():
        raise typer.BadParameter(f"{out} exists", param_hint="--out")
    print_summary(make_docker_image(Settings.load(), model, arch, out=out, push=push), as_json)
