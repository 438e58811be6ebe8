"""The composition root: everything a company's configuration asks for, put together in one place."""

import os
import socket
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tieout import connectors as kinds
from tieout.connectors.mail import read_letter
from tieout.engine.actions import Actions
from tieout.engine.clock import SystemClock
from tieout.engine.config import Settings
from tieout.engine.config import load as load_config
from tieout.engine.delivery import Delivery
from tieout.engine.dependencies import Dependencies
from tieout.engine.documents import ruled_reader
from tieout.engine.intake import Intake
from tieout.engine.originals import Originals
from tieout.engine.people import People
from tieout.engine.policies import Ruling
from tieout.engine.policy_desk import PolicyDesk
from tieout.engine.queries.database import Database
from tieout.engine.queries.hands import reviews
from tieout.engine.schedule import Schedule
from tieout.engine.secrets import read_secret
from tieout.engine.stores.open import open_store, prepare
from tieout.engine.stores.port import Store
from tieout.engine.unit_of_work import UnitOfWork
from tieout.engine.worker import Pace, Worker
from tieout.kernel.errors import ConfigError
from tieout.policy.controls import uncompensated
from tieout.policy.dependencies import DEPENDENCIES
from tieout.policy.duties import Conflict
from tieout.policy.files import SINGLE, joined
from tieout.policy.load import Loaded, load
from tieout.policy.policy import Policy
from tieout.ports import Connector, Listener
from tieout.processes.registry import PROCESSES

LOG = structlog.get_logger("tieout.policy")


def read_policy(file: Path) -> Policy:
    """The policy in a file or folder. Raises ``ConfigError`` that names the file and everything that is wrong in it."""
    return _loaded(file).policy


def _loaded(file: Path) -> Loaded:
    try:
        return load(policy_text(file))
    except ConfigError as error:
        raise misread(file, error) from None


def misread(place: Path, error: ConfigError) -> ConfigError:
    """What is wrong in a policy, told of the file or folder that was read."""
    told = str(error) if place.is_dir() else str(error).replace(f"{SINGLE}, line", "line")
    return ConfigError(f"{place}: {told.removeprefix('policy: ')}")


def policy_text(place: Path) -> str:
    """The text of a policy: of one file, or of all TOML files in a folder, its ``regions`` and its ``entities``."""
    try:
        if not place.is_dir():
            return place.read_text(encoding="utf-8")
        found = (*place.glob("*.toml"), *place.glob("regions/*.toml"), *place.glob("entities/*.toml"))
        return joined({file.relative_to(place).as_posix(): file.read_text(encoding="utf-8") for file in found})
    except UnicodeDecodeError as error:
        raise ConfigError(f"{place} is not UTF-8: {error}") from None


class Company:
    """One company's tieout: store, intake, connectors and schedule. Parts are made when first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.owner = f"{socket.gethostname()}-{os.getpid()}"

    @classmethod
    def at(cls, config: Path) -> "Company":
        """The company that this configuration file describes."""
        return cls(load_config(config))

    @property
    def policy(self) -> Policy:
        """The policy in force now. Raises ``ConfigError`` when it cannot be read."""
        return self.policies.at(self.clock.now())

    @cached_property
    def policies(self) -> Ruling:
        """The policy's releases; without any, what the configuration's file says."""
        return Ruling(self.store, self.policy_of_file)

    def policy_of_file(self) -> Loaded:
        """What the file or folder says that the configuration names. Raises ``ConfigError`` when there is none."""
        place = self.settings.path(self.settings.config.policy)
        if not place.exists():
            raise ConfigError(
                f"there is no policy {place}; `tieout init` writes one, `policy` in the configuration names it"
            )
        return _loaded(place)

    def tell_policy(self) -> None:
        """Say in the log of the program which policy is in force, and that its file says something else if it does."""
        ruling = self.policy.version
        if not self.policies.releases().releases:
            return
        place = self.settings.path(self.settings.config.policy)
        try:
            filed = self.policy_of_file().policy.version if place.exists() else ruling
        except ConfigError as error:
            filed = f"unreadable: {error}"
        if filed != ruling:
            LOG.warning(
                "policy_file_differs",
                file=str(place),
                says=filed,
                in_force=ruling,
                next=f"the release in force counts; `tieout policy draft {place}` proposes what the file says",
            )

    @cached_property
    def policy_desk(self) -> PolicyDesk:
        """Where releases of the policy are drafted, tried, approved and rolled back."""
        return PolicyDesk(
            self.store, self.intake, self.policies, self.clock, partitions=self.settings.config.partitions
        )

    @cached_property
    def store(self) -> Store:
        """The store, migrated to the present schema."""
        prepare(self.settings.database)
        return open_store(self.settings.database)

    @cached_property
    def database(self) -> Database:
        """The same store, to ask questions of."""
        _ = self.store  # brings the schema up to date
        return Database(self.settings.database)

    @cached_property
    def originals(self) -> Originals:
        """Where documents are kept as they came."""
        return Originals.at(self.settings.originals)

    @cached_property
    def intake(self) -> Intake:
        """The way in."""
        return Intake(
            self.store,
            self.originals,
            self.clock,
            partitions=self.settings.config.partitions,
            read_document=ruled_reader(lambda: self.policy, read_letter),
            capacity=self.settings.config.inbox_capacity,
        )

    @cached_property
    def connectors(self) -> Mapping[str, Connector]:
        """Every configured system, by name."""
        return {
            name: kinds.connect(name, dict(table), self.settings.folder, self.intake)
            for name, table in self.settings.config.connectors.items()
        }

    @cached_property
    def dependencies(self) -> Dependencies:
        """What must be well before certain writes go out."""
        return Dependencies(self.store, DEPENDENCIES)

    @cached_property
    def delivery(self) -> Delivery:
        """The sending side."""
        return Delivery(self.store, dict(self.connectors), self.clock, owner=self.owner, dependencies=self.dependencies)

    @cached_property
    def schedule(self) -> Schedule:
        """What happens by time alone."""
        return Schedule(self.store, self.intake, self.connectors, self.policies, self.clock, self.dependencies)

    @cached_property
    def actions(self) -> Actions:
        """What people may do to effects and quarantined messages."""
        return Actions(self.store, self.intake, self.clock)

    @cached_property
    def people(self) -> People:
        """Accounts, sessions and API keys."""
        _ = self.store  # brings the schema up to date
        return People(self.settings.database, self.clock, uncovered=self._uncovered)

    def _uncovered(self, conflicts: tuple[Conflict, ...], name: str, entities: Collection[str]) -> tuple[Conflict, ...]:
        """The conflicts of an account's duties that no compensating control in force covers."""
        if not conflicts:
            return ()
        controls, today = self.policy.controls, self.clock.now().date()
        with self.database.read() as sql:
            reviewed = reviews(sql, controls)
        return uncompensated(conflicts, name, controls, reviewed, today, entities)

    @cached_property
    def seal_key(self) -> Ed25519PrivateKey:
        """The key that signs checkpoints."""
        text = read_secret(self.settings.config.seal_key, self.settings.folder)
        try:
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))
        except ValueError:
            raise ConfigError("`seal_key` must lead to 64 hexadecimal digits; `tieout init` makes such a key") from None

    def unit_of_work(self) -> UnitOfWork:
        """A handler of batches, with a cache of its own."""
        return UnitOfWork(
            self.store,
            PROCESSES,
            self.policies,
            self.clock,
            partitions=self.settings.config.partitions,
            lane_of=self.delivery.lane_of,
        )

    def worker(self) -> Worker:
        """One process's share of the work."""
        config = self.settings.config
        pulls = {name: config.pull_seconds for name, target in self.connectors.items() if target.manifest.pulls}
        duties: dict[str, tuple[float, Callable[[], object]]] = {
            "compare": (config.compare_seconds, self.compare),
            "seal": (config.checkpoint_seconds, lambda: self.schedule.seal(self.seal_key)),
        }
        return Worker(
            self.store,
            self.unit_of_work(),
            self.delivery,
            self.schedule,
            self.clock,
            owner=self.owner,
            partitions=config.partitions,
            pulls=pulls,
            duties=duties,
            listeners={name: each for name, each in self.connectors.items() if isinstance(each, Listener)},
            pace=Pace(batch=config.batch, senders=config.senders),
        )

    def compare(self) -> int:
        """Compare the control totals of every period that is being closed."""
        pairs = self.settings.config.tie_outs
        return sum(
            self.schedule.compare(entity, period, pairs)
            for entity in self.policy.entities
            for period in self.open_periods(entity)
        )

    def open_periods(self, entity: str) -> list[str]:
        """The periods of an entity that are being closed."""
        rows = self.store.read_table("view_period", None)
        return sorted(row["period"] for row in rows if row["entity"] == entity)
