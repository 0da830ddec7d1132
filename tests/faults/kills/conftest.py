"""Kills lose nothing that was written, so nothing has to wait for a disk."""

import os

import pytest

from tests.faults.kills.forks import without_effect


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", without_effect)
