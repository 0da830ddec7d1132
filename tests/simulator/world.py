"""A simulated world: lakes in memory, a registry in memory, a logical clock, and Leapline's own code between them.

Leapline's modules run unchanged. Replaced are only the seams to the outside: the process of `crane` (requests instead),
the connection of a ping, stores, clocks, sleeping, random numbers, and the threads that copy files or refresh locks.
"""

import hashlib
import random
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, Self
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import ec

from leapline.promotion.agreement import agreed_champion
from leapline.promotion.promote import ChampionTags
from leapline.settings import Settings
from leapline.signing.keys import SigningKey
from leapline.storage import attempt_files, factory
from tests.fakes.memory_registry import MemoryRegistry, Repository, Request, Response
from tests.fakes.registry_faults import FaultyRegistry
from tests.simulator.clock import Clock
from tests.simulator.crane import InProcessCrane
from tests.simulator.history import History, promotions, reads
from tests.simulator.scheduler import Scheduler
from tests.simulator.store import MemoryStore

HOST: Final = "127.0.0.1:5055"


class World:
    """The world of one seed; use it in a `with` statement.

    Args:
        seed: decides everything.
        has_system_locks: whether the lakes' locks are those of a folder; leases otherwise.

    Attributes:
        random: for decisions of the scenario.
        scheduler: of the actors.
        registry: in memory, behind faults.
        stores: by address.
        requested: called with each request before it is handled, without a step.
        store_fault_rate: share of the writes to a store that fail.
    """

    def __init__(self, seed: int, *, has_system_locks: bool) -> None:
        self.seed, self.random = seed, random.Random(f"{seed} scenario")
        self.clock = Clock()
        self.scheduler = Scheduler(random.Random(f"{seed} turns"), self.clock)
        self.memory = MemoryRegistry()
        self.registry = FaultyRegistry(
            self.memory, random.Random(f"{seed} registry"), 0.0, wait=lambda seconds: self.scheduler.sleep(seconds)
        )
        self.stores: dict[str, MemoryStore] = {}
        self.store_fault_rate = 0.0
        self.requested: Callable[[Request], None] = lambda request: None
        self.handled: Callable[[Request, Response], None] = lambda request, response: None
        self.history = History(self.scheduler)
        self._store_random = random.Random(f"{seed} stores")
        self._has_system_locks = has_system_locks
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(_scratch()))
        self._stack.enter_context(patch.object(tempfile, "tempdir", str(self.folder)))
        for patched in self._patches():
            self._stack.enter_context(patched)
        self._forget()
        return self

    def __exit__(self, *_: object) -> None:
        self.scheduler.close()
        self._stack.close()
        self._forget()

    def _forget(self) -> None:
        """Forget what the product keeps for the life of a process."""
        factory._bucket.cache_clear()
        attempt_files.copies_of.cache_clear()

    def settings(self, lake: str, repository: str, **more: Any) -> Settings:
        """Return the settings of an installation with a lake and a repository."""
        return Settings(
            home=self.folder, lake=f"s3://simulated/{lake}", registry=HOST, repository=repository, tools=self.folder,
            signing_key=_key(lake), **more,
        )  # fmt: skip

    def repository(self, settings: Settings) -> Repository:
        """Return the content of an installation's repository, without a step."""
        return self.memory.repository(settings.repository)

    def store(self, settings: Settings) -> MemoryStore:
        """Return the store of an installation."""
        return self.stores[str(settings.lake)] if str(settings.lake) in self.stores else self._store(str(settings.lake))

    def _store(self, address: str, *_: object) -> MemoryStore:
        if address not in self.stores:
            self.stores[address] = MemoryStore(
                address, self.scheduler, has_system_locks=self._has_system_locks, fails=self._store_fails
            )
        return self.stores[address]

    def _store_fails(self) -> bool:
        return self.store_fault_rate > 0 and self._store_random.random() < self.store_fault_rate

    def _send(self, host: str, request: Request) -> Response:
        path = request.target.split("/", 4)[-1]
        self.scheduler.pause(f"{request.method} {path}")
        count = len(self.registry.injected)
        self.requested(request)
        try:
            response = self.registry.handle(request)
        finally:
            if len(self.registry.injected) > count:
                self.scheduler.note(f"FAULT: {self.registry.injected[-1]}")
        self.handled(request, response)
        return response

    def _patches(self) -> list[Any]:
        crane = InProcessCrane(self._send, self.clock.monotonic)
        numbers = random.Random(f"{self.seed} ids")
        clocks = [
            patch(f"leapline.{name}.time", self.clock) for name in ("serving.crane", "storage.lease", "runtime.step")
        ]
        return [
            *clocks,
            patch("leapline.clock.now", lambda: datetime.fromtimestamp(self.clock.time(), UTC)),
            patch("leapline.storage.heartbeat._process", lambda pid: {}),  # as if each actor had a machine of its own
            patch("leapline.serving.crane.subprocess", crane),
            patch("leapline.serving.crane.random", random.Random(f"{self.seed} waits")),
            patch("leapline.serving.registry._ping", lambda scheme, host: None),
            patch.object(uuid, "uuid4", lambda: uuid.UUID(int=numbers.getrandbits(128), version=4)),
            patch.object(factory, "S3Store", self._store),
            patch("leapline.storage.heartbeat.repeated", self._repeated),
            patch("leapline.storage.lease.repeated", self._repeated),
            patch("leapline.storage.lake.ThreadPoolExecutor", _Serial),
            patch("leapline.storage.attempt_files.ThreadPoolExecutor", _Serial),
            patch.object(ChampionTags, "promote", promotions(self.history, ChampionTags.promote)),
            patch.object(ChampionTags, "rollback", promotions(self.history, ChampionTags.rollback)),
            patch("leapline.deployment.factory.agreed_champion", reads(self.history, agreed_champion)),
        ]

    @contextmanager
    def _repeated(self, action: Callable[[], bool], interval: timedelta) -> Iterator[None]:
        """Repeat an action while its actor lives, whenever the clock has advanced by the interval."""
        actor = self.scheduler.running
        if actor is None:
            yield
            return
        refresh = [self._without_steps(action), interval.total_seconds(), self.clock.now + interval.total_seconds()]
        actor.refreshes.append(refresh)
        try:
            yield
        finally:
            actor.refreshes[:] = [other for other in actor.refreshes if other is not refresh]

    def _without_steps(self, action: Callable[[], bool]) -> Callable[[], bool]:
        def act() -> bool:
            running, self.scheduler.running = self.scheduler.running, None
            try:
                return action()
            finally:
                self.scheduler.running = running

        return act


class _Serial:
    """A pool without threads, so that the order of effects is the seed's."""

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[..., Any], *values: Any) -> Iterator[Any]:
        """Apply a function to values, one after the other."""
        return map(function, *values)


def _scratch() -> Any:
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="leapline-simulated-", dir=memory if memory.is_dir() else None)


@cache
def _key(lake: str) -> str:
    """Return the signing key of a lake, the same in every process, so that a seed can be replayed."""
    number = int.from_bytes(hashlib.sha256(lake.encode()).digest()[:31], "big")
    return SigningKey(ec.derive_private_key(number, ec.SECP256R1())).pem()
