"""Tryton 8.2 as the ERP: suppliers, orders, receipts, invoices, payments, statements, journal entries.

The ERP takes no idempotency key, so every document carries our id in a field of its own, is looked up before it is
written, and is read back afterwards (:mod:`tieout.connectors.tryton.landing` has the whole argument). How to set it
up and what it cannot do: ``README.md``.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx2

from tieout.connectors.tryton.changes import Changes
from tieout.connectors.tryton.client import TrytonClient
from tieout.connectors.tryton.config import TrytonConfig, read_config
from tieout.connectors.tryton.invoices import Invoices
from tieout.connectors.tryton.journals import Journals
from tieout.connectors.tryton.landing import Desk
from tieout.connectors.tryton.payments import PaymentReturns, Payments
from tieout.connectors.tryton.periods import Periods
from tieout.connectors.tryton.purchasing import GoodsReturns, Orders, Receipts
from tieout.connectors.tryton.statements import Statements
from tieout.connectors.tryton.suppliers import Suppliers
from tieout.connectors.tryton.totals import Totals
from tieout.engine.clock import SystemClock
from tieout.engine.secrets import read_secret
from tieout.kernel.clock import Clock
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Total
from tieout.model.effects import RecordReceipt
from tieout.ports import Documents, Effect, Finding, Manifest, Operation, Page, Refused, Result, Scope

__all__ = ["TrytonConfig", "TrytonConnector", "connect", "manifest_of"]


class _Writer(Protocol):
    def apply(self, effects: Sequence[Effect]) -> dict[str, Result]: ...

    def probe(self, effect: Effect) -> Finding: ...


def manifest_of(config: TrytonConfig, system: str) -> Manifest:
    """The promise. One poster at a time for each legal entity: Tryton's number sequences do not like two."""
    batch = config.batch_size

    def operation(name: str, batch_size: int) -> Operation:
        return Operation(
            name=name, lookup=True, landing_seconds=config.landing_seconds, batch_size=batch_size, lane="entity"
        )

    return Manifest(
        system=system,
        title="Tryton 8.2",
        operations=(
            operation("upsert_supplier", 10),
            operation("create_order", min(batch, 20)),
            operation("record_receipt", min(batch, 20)),
            operation("post_invoice", batch),
            operation("record_payment", batch),
            operation("record_return", 10),
            operation("book_statement", 1),
            operation("post_journal", batch),
        ),
        pulls=True,
        totals=Totals.names,
        calls_per_second=20.0,
        timeout_seconds=config.timeout_seconds,
    )


class TrytonConnector:
    """The four verbs. Threads may share it: each gets a session of its own with the ERP."""

    def __init__(
        self,
        config: TrytonConfig,
        secret: str,
        clock: Clock,
        *,
        system: str = "erp",
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._config = config
        self._secret = secret
        self._clock = clock
        self._transport = transport
        self._manifest = manifest_of(config, system)
        self._local = threading.local()
        self._clients: list[TrytonClient] = []

    @property
    def manifest(self) -> Manifest:
        """The promise."""
        return self._manifest

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Make the ERP hold these; item by item in the order asked."""
        results: dict[str, Result] = {}
        for operation in dict.fromkeys(effect.operation for effect in effects):
            of_kind = [effect for effect in effects if effect.operation == operation]
            results |= self._apply(operation, of_kind)
        return [results[effect.effect_id] for effect in effects]

    def _apply(self, operation: str, effects: Sequence[Effect]) -> dict[str, Result]:
        if self._manifest.operation(operation) is None:
            problem = Problem(Code.EFFECT_REFUSED, actual=operation, detail="Tryton cannot do this")
            return {effect.effect_id: Refused(problems=(problem,)) for effect in effects}
        by_writer: dict[_Writer, list[Effect]] = {}
        for effect in effects:
            by_writer.setdefault(self._desk().writer_of(effect), []).append(effect)
        results: dict[str, Result] = {}
        for writer, group in by_writer.items():
            results |= writer.apply(group)
        return results

    def probe(self, effect: Effect) -> Finding:
        """Did this effect land?"""
        return self._desk().writer_of(effect).probe(effect)

    def pull(self, cursor: str) -> Page:
        """What people changed in the ERP since."""
        return self._desk().changes.pull(cursor)

    def totals(self, scope: Scope) -> Total:
        """What the ERP holds."""
        return self._desk().totals.count(scope)

    @property
    def periods(self) -> Periods:
        """The accounting periods of the ERP."""
        return self._desk().periods

    def close(self) -> None:
        """Hang up."""
        for client in self._clients:
            client.close()

    def _desk(self) -> "_StaffedDesk":
        desk: _StaffedDesk | None = getattr(self._local, "desk", None)
        if desk is None:
            config = self._config
            client = TrytonClient(
                config.url,
                config.database,
                config.user,
                self._secret,
                timeout_seconds=config.timeout_seconds,
                transport=self._transport,
            )
            self._clients.append(client)
            desk = self._local.desk = _StaffedDesk(client, config, self._clock, self._manifest.system)
        return desk


class _StaffedDesk(Desk):
    """A desk and everybody who works at it."""

    def __init__(self, client: TrytonClient, config: TrytonConfig, clock: Clock, system: str) -> None:
        super().__init__(client, config)
        self.changes = Changes(self, clock, system)
        self.totals = Totals(self, clock)
        self.periods = Periods(self)
        self._goods_returns = GoodsReturns(self)
        self._writers: dict[str, _Writer] = {
            "upsert_supplier": Suppliers(self),
            "create_order": Orders(self),
            "record_receipt": Receipts(self),
            "post_invoice": Invoices(self),
            "record_payment": Payments(self),
            "record_return": PaymentReturns(self),
            "book_statement": Statements(self),
            "post_journal": Journals(self),
        }

    def writer_of(self, effect: Effect) -> _Writer:
        """Who does it. Goods that come in and goods that go back are two kinds of document in Tryton."""
        payload = effect.payload
        if isinstance(payload, RecordReceipt) and all(line.quantity < 0 for line in payload.receipt.lines):
            return self._goods_returns
        return self._writers[effect.operation]


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> TrytonConnector:
    """A connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    config = read_config(name, settings)
    return TrytonConnector(config, read_secret(config.password, folder), SystemClock(), system=name)
