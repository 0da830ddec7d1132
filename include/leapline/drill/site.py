"""The scratch installation of a drill: a lake, a registry and keys of its own in one folder.

Nothing of the user's installation is used but the tools and how Spark runs: all other settings have their defaults or
the values below, whatever the environment and `.env` say.
"""

import secrets
import shutil
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from leapline.errors import SettingsError
from leapline.local.ports import free_port
from leapline.local.registry_service import LocalRegistry
from leapline.serving.registry import Registry
from leapline.settings import Settings
from leapline.signing.keys import SigningKey
from leapline.synthetic import GeneratorSpec, generate

DAY: Final = date(2026, 3, 2)
"""The data day; the one before it is the training day."""
SMALL_SHOP: Final[dict[str, Any]] = {
    "training_days": 1, "probe_rows": 1000, "forest_trees": 8, "forest_depth": 5, "roc_auc_threshold": 0.6,
    "min_precision_lift": 1.0, "bootstrap_resamples": 300, "champion_margin": 0.5, "min_baseline_gain": -1.0,
    "max_importance": 1.0, "max_calibration_error": 0.2, "min_slice_roc_auc": 0.0, "min_positives": 10,
    "roc_auc_confidence": 0.5, "min_effective_buyers": 2.0, "best_champion_margin": 0.5,
    "champion_precision_margin": 1.0, "max_calibration_ratio": 10.0, "max_progress_loss": 1.0,
    "min_progress_roc_auc": 0.0, "min_item_roc_auc": 0.0,
    "max_feature_roc_auc": 1.01, "max_feature_certainty": 1.0, "min_feature_persistence": 0.0,
    "max_latency_ms": 200.0, "spark_shuffle_partitions": 2, "spark_driver_memory": "2g", "spark_master": "local[2]",
}  # fmt: skip
"""Settings with which a small forest of a small shop passes: the subject of a drill is not the model's quality."""
_READ_ONLY: Final = "  maintenance:\n    readonly:\n      enabled: true\n"


class ScratchRegistry(LocalRegistry):
    """A local registry that can be started read-only."""

    read_only = False

    def prepare(self) -> list[str]:
        """Write the configuration; return the registry's arguments."""
        arguments = super().prepare()
        if self.read_only:
            config = self.folder / "config.yml"
            config.write_text(config.read_text().replace("storage:\n", f"storage:\n{_READ_ONLY}"))
        return arguments

    def restart(self, *, read_only: bool = False) -> None:
        """Start the registry again, with or without permission to write."""
        self.stop()
        self.read_only = read_only
        self.start()


@dataclass(frozen=True)
class State:
    """What is published and promoted.

    Attributes:
        tags: tag -> digest, of all tags of the repository.
        ledger: the content of the ledger.
    """

    tags: dict[str, str | None]
    ledger: bytes

    def changes_to(self, later: "State") -> list[str]:
        """Return what differs in a later state, one text per tag; empty if nothing does."""
        names = sorted(self.tags.keys() | later.tags.keys())
        texts = [f"tag {name}" for name in names if self.tags.get(name) != later.tags.get(name)]
        return texts + ([] if self.ledger == later.ledger else ["the ledger"])


@dataclass
class Site:
    """The scratch installation.

    Attributes:
        folder: has everything.
        settings: of the installation.
        service: its registry.
        run_id: of the run that is broken.
    """

    folder: Path
    settings: Settings
    service: ScratchRegistry
    run_id: str = "drill-2"
    registry: Registry = field(init=False)

    def __post_init__(self) -> None:
        self.registry = Registry(self.settings.image, self.settings.tools / "bin" / "crane", budget_s=20)

    def state(self) -> State:
        """Return what is published and promoted."""
        ledger = self.settings.home / "ledger.jsonl"
        tags = {tag: self.registry.digest(tag) for tag in self.registry.tags()}
        return State(tags, ledger.read_bytes() if ledger.exists() else b"")

    def save(self, name: str) -> None:
        """Keep a copy of the lake."""
        shutil.copytree(self.settings.home, self.folder / "copies" / name, symlinks=True)

    def restore(self, name: str) -> None:
        """Replace the lake by a copy."""
        shutil.rmtree(self.settings.home)
        shutil.copytree(self.folder / "copies" / name, self.settings.home, symlinks=True)


def create_site(folder: Path, installed: Settings, sessions_per_day: int) -> Site:
    """Create the installation, generate its events, and start its registry.

    Args:
        folder: an empty one.
        installed: settings of the user's installation, for tools and the Spark driver.
        sessions_per_day: of the generated shop.

    Raises:
        SettingsError: the folder is not empty.
        RegistryError: the registry does not start.
        ToolMissingError: a tool is missing.
    """
    if folder.exists() and any(folder.iterdir()):
        raise SettingsError(
            f"folder of the drill {folder}", found="other files", expected="an empty folder",
            fix="Name a new one, or let the drill use a temporary folder.",
        )  # fmt: skip
    address = f"127.0.0.1:{free_port()}"
    service = ScratchRegistry(folder / "registry", installed.tools / "bin" / "registry", address)
    settings = _settings(folder, installed, address)
    spec = GeneratorSpec(start=DAY - timedelta(days=1), days=2, sessions_per_day=sessions_per_day, runs_per_day=1)
    generate(settings.landing_dir, spec)
    service.start()
    return Site(folder, settings, service)


def _settings(folder: Path, installed: Settings, address: str) -> Settings:
    defaults = {name: info.get_default(call_default_factory=True) for name, info in Settings.model_fields.items()}
    # Given explicitly, a default wins over the environment and `.env`.
    scratch: dict[str, Any] = {
        "home": folder / "lake",
        "landing": str(folder / "lake" / "landing"),
        "tools": installed.tools,
        "registry": address,
        "repository": "drill/scorer",
        "pseudonym_key": SecretStr(secrets.token_hex(32)),
        "signing_key": SecretStr(SigningKey.generate().pem()),
        "spark_driver_options": installed.spark_driver_options,
    }
    return Settings(**(defaults | SMALL_SHOP | scratch))
