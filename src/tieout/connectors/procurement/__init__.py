"""The procurement system: vendors, purchase orders and goods receipts come in; supplier records go out.

It orders its changes in a feed, holds vendors under our id, and can be searched by it. How to set it up and what it
cannot do: ``README.md``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import structlog

from tieout.connectors.http import AnswerLostError, BusyError, RefusalError, UnreachableError, Values
from tieout.connectors.procurement.client import ProcurementClient
from tieout.connectors.procurement.config import ProcurementConfig, read_config
from tieout.connectors.procurement.translate import UnreadableError, from_supplier, message_of
from tieout.engine.clock import SystemClock
from tieout.engine.secrets import read_secret
from tieout.kernel.clock import Clock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Total
from tieout.model.effects import UpsertSupplier
from tieout.model.events import Message
from tieout.ports import (
    Absent,
    Applied,
    Connector,
    Documents,
    Effect,
    Finding,
    Manifest,
    Operation,
    Page,
    Refused,
    Result,
    Retry,
    Scope,
    Unknown,
)

__all__ = ["Procurement", "ProcurementConfig", "connect", "manifest_of"]

LOG = structlog.get_logger("tieout.connectors.procurement")

#: Our names of its control totals, and its own.
_TOTALS = {"orders": "purchase_order", "receipts": "goods_receipt"}
#: What reading a JSON body of another shape than agreed raises.
_STRANGE = (KeyError, IndexError, TypeError, AttributeError)


def manifest_of(config: ProcurementConfig, system: str) -> Manifest:
    """The promise."""
    upsert = Operation(
        name="upsert_supplier", native_key=True, lookup=True, landing_seconds=config.landing_seconds, batch_size=10
    )
    return Manifest(
        system=system,
        title="Procurement system",
        operations=(upsert,),
        pulls=True,
        totals=tuple(_TOTALS),
        timeout_seconds=config.timeout_seconds,
    )


class Procurement(Connector):
    """The four verbs. Threads may share it."""

    def __init__(
        self,
        config: ProcurementConfig,
        api_key: str,
        documents: Documents,
        clock: Clock,
        *,
        system: str = "procurement",
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._config = config
        self._documents = documents
        self._clock = clock
        self._system = system
        self._manifest = manifest_of(config, system)
        self._client = ProcurementClient(
            config.url, api_key, timeout_seconds=config.timeout_seconds, transport=transport
        )

    @property
    def manifest(self) -> Manifest:
        """The promise."""
        return self._manifest

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def pull(self, cursor: str) -> Page:
        """Vendors, order revisions and receipts after the cursor, in the order they were keyed in."""
        asked_at = self._clock.now()
        try:
            page = self._client.read("/changes", after=cursor or "0", limit=self._config.page_size)
            rows, last, more = page["rows"], str(page["last_seq"]), bool(page["has_more"])
        except _STRANGE as error:
            raise TransientError(f"the feed of {self._system} has an unexpected shape: {error!r}") from error
        messages = tuple(self._messages(rows))
        return Page(messages=messages, cursor=last, more=more, observed_at=None if more else asked_at)

    def _messages(self, rows: Sequence[Values]) -> Iterator[Message]:
        for row in rows:
            try:
                message = message_of(self._system, self._config.entity_of, row)
            except UnreadableError as error:
                # One bad row never hides the good ones. It is kept as it came, and a person is told where.
                mark = self._documents.keep(
                    msgspec.json.encode(row),
                    name=f"{row.get('kind')}-{row.get('number')}.json",
                    media_type="application/json",
                    channel=self._system,
                )
                LOG.error("unreadable_row", system=self._system, error=str(error), kept_as=mark)
                continue
            if message is not None:
                yield message

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Tell the system; item by item in the order asked."""
        results: list[Result] = []
        for effect in effects:
            try:
                results.append(self._tell(effect))
            except UnreachableError as error:
                return [*results, *[Retry(reason=str(error))] * (len(effects) - len(results))]
            except ConfigError as error:
                if not results:
                    raise
                break_off = Retry(reason=str(error), after_seconds=60.0)
                return [*results, *[break_off] * (len(effects) - len(results))]
        return results

    def _tell(self, effect: Effect) -> Result:
        payload = effect.payload
        if not isinstance(payload, UpsertSupplier):
            return _refused(f"the procurement system cannot do {effect.operation}")
        wanted = from_supplier(payload.supplier)
        try:
            held = self._client.write("PUT", f"/vendors/{payload.supplier.supplier_id}", wanted)
            if not _same_record(held, wanted):
                return Unknown(reason=f"it answered, but holds another record of {held.get('external_ref')}")
            return Applied(reference=held["vendor_no"])
        except UnreachableError:
            raise
        except BusyError as error:
            return Retry(reason=str(error), after_seconds=error.after_seconds)
        except AnswerLostError as error:
            return Unknown(reason=str(error))
        except RefusalError as error:
            return _refused(str(error))
        except _STRANGE as error:
            return Unknown(reason=f"its answer has an unexpected shape: {error!r}")

    def probe(self, effect: Effect) -> Finding:
        """Does the system hold exactly this record?"""
        payload = effect.payload
        if not isinstance(payload, UpsertSupplier):
            return Absent()
        try:
            found = self._client.read("/vendors", external_ref=payload.supplier.supplier_id)
            held = found and _same_record(found[0], from_supplier(payload.supplier))
            return Applied(reference=found[0]["vendor_no"]) if held else Absent()
        except TransientError as error:
            return Unknown(reason=str(error))
        except RefusalError as error:
            return Unknown(reason=f"the look-up was refused: {error}")
        except _STRANGE as error:
            return Unknown(reason=f"its answer has an unexpected shape: {error!r}")

    def totals(self, scope: Scope) -> Total:
        """``orders``, and ``receipts`` at order prices, counted by the system. It gives no digest of its items."""
        if scope.name not in _TOTALS:
            raise ConfigError(f"the procurement system has no total {scope.name!r}; it has {', '.join(_TOTALS)}")
        asked_at = self._clock.now()
        company = self._config.company_of(scope.entity)
        try:
            rows = self._client.read("/totals", company=company, currency=scope.currency)["rows"]
            mine = [row for row in rows if row["kind"] == _TOTALS[scope.name]]
            count, sum_minor = sum(row["count"] for row in mine), sum(row["value_minor"] for row in mine)
        except _STRANGE as error:
            raise TransientError(f"the totals of {self._system} have an unexpected shape: {error!r}") from error
        return Total(count=count, sum_minor=sum_minor, currency=scope.currency, as_of=asked_at)


def _refused(detail: str) -> Refused:
    return Refused(problems=(Problem(Code.EFFECT_REFUSED, detail=detail),))


def _same_record(held: Values, wanted: Values) -> bool:
    """Whether every field that we told is held as we told it. Fields with their default are left out of answers."""
    defaults: Values = {"terms_days": 30}
    return all(held.get(name, defaults.get(name, "")) == value for name, value in wanted.items())


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> Procurement:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    config = read_config(settings)
    return Procurement(config, read_secret(config.api_key, folder), documents, SystemClock(), system=name)
