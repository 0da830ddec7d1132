"""The commands around the signing key."""

from pathlib import Path
from typing import Annotated

import typer

from leapline.cli.options import AsJson
from leapline.console import print_json, stderr
from leapline.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The key that signs models (docs/signing.md).")


@app.command()
def create(
    file: Annotated[Path, typer.Option(help="The new file; relative to the installation's folder.")] = Path(
        "signing_key.pem"
    ),
    ed25519: Annotated[
        bool,
        typer.Option("--ed25519", help="Ed25519 instead of ECDSA P-256; OpenSSF's model_signing cannot verify it."),
    ] = False,
) -> None:
    """Create the signing key of this installation, once, and print its public key."""
    from leapline.local.signing_key import create_signing_key

    path, key = create_signing_key(Settings.load(), file, ed25519)
    stderr().print(f"Created {path}; keep a copy in a safe place", highlight=False)
    print(key.public.pem, end="")


@app.command()
def show(as_json: AsJson = False) -> None:
    """Print the public keys whose signatures are accepted, the signing key's first."""
    from leapline.signing.key_ring import key_ring

    ring = key_ring(Settings.load())
    if as_json:
        signing = ring.signing and ring.signing.public.key_id
        print_json([{"key_id": k.key_id, "algorithm": k.algorithm, "pem": k.pem, "signs": k.key_id == signing}
                    for k in ring.accepted])  # fmt: skip
        return
    if not ring.accepted:
        stderr().print("No key: models are not signed. `leapline keys create` creates one.", highlight=False)
    for key in ring.accepted:
        print(key.pem, end="")
