"""The AP platform: captures and approvals come in; suppliers, invoices, postings and payments go out.

It takes idempotency keys, can be searched by our ids, and orders its events in a feed; its webhooks only say earlier
what the feed says anyway. How to set it up and what it cannot do: ``README.md``.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import structlog

from tieout.connectors.ap_platform.client import ApClient
from tieout.connectors.ap_platform.config import ApConfig, read_config
from tieout.connectors.ap_platform.translate import (
    UnreadableError,
    from_invoice,
    from_payment,
    from_posting,
    from_supplier,
    from_verdict,
    is_capture_of,
    message_of,
    our_id_of,
    signed_minor,
)
from tieout.connectors.http import AnswerLostError, BusyError, RefusalError, UnreachableError, Values
from tieout.engine.clock import SystemClock
from tieout.engine.secrets import read_secret
from tieout.kernel.clock import Clock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.kernel.problem import Code, Problem
from tieout.kernel.setdigest import add_digest
from tieout.model.documents import Total
from tieout.model.effects import ReportPayment, ReportPosting, SubmitInvoice, UpsertSupplier
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

__all__ = ["ApConfig", "ApPlatform", "connect", "manifest_of"]

LOG = structlog.get_logger("tieout.connectors.ap_platform")

#: Which of the platform's states a control total counts.
_TOTALS = {
    "open_items": ("approved", "posted"),
    "payable": ("posted",),
    "unposted": ("captured", "in_approval", "approved", "rejected"),
}
#: Answers of the platform that say: you told me this before.
_KNOWN = ("reference_taken", "idempotency_key_reused")

#: What reading a JSON body of another shape than agreed raises.
_STRANGE = (KeyError, IndexError, TypeError, AttributeError)


def manifest_of(config: ApConfig, system: str) -> Manifest:
    """The promise."""

    def operation(name: str) -> Operation:
        return Operation(name=name, native_key=True, lookup=True, landing_seconds=config.landing_seconds, batch_size=10)

    names = ("upsert_supplier", "submit_invoice", "report_posting", "report_payment")
    return Manifest(
        system=system,
        title="AP platform",
        operations=tuple(operation(name) for name in names),
        pulls=True,
        totals=tuple(_TOTALS),
        timeout_seconds=config.timeout_seconds,
    )


class ApPlatform(Connector):
    """The four verbs. Threads may share it."""

    def __init__(
        self,
        config: ApConfig,
        api_key: str,
        documents: Documents,
        clock: Clock,
        *,
        system: str = "ap",
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._config = config
        self._documents = documents
        self._clock = clock
        self._system = system
        self._manifest = manifest_of(config, system)
        self._client = ApClient(
            config.url, api_key, user=config.user, timeout_seconds=config.timeout_seconds, transport=transport
        )

    @property
    def manifest(self) -> Manifest:
        """The promise."""
        return self._manifest

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    # ── pull ────────────────────────────────────────────────────────────────────────────────────────────────────

    def pull(self, cursor: str) -> Page:
        """What happened on the platform after the cursor. Originals of captured invoices are fetched and kept."""
        asked_at = self._clock.now()
        page = self._client.read("/changes", after=cursor or "0", limit=self._config.page_size)
        try:
            items, next_cursor, more = page["items"], str(page["next"]), bool(page["more"])
        except _STRANGE as error:
            raise TransientError(f"the feed of {self._system} has an unexpected shape: {error!r}") from error
        messages = tuple(self._messages(items))
        return Page(messages=messages, cursor=next_cursor, more=more, observed_at=None if more else asked_at)

    def webhook_messages(self, system: str, headers: Mapping[str, str], body: bytes) -> tuple[Message, ...]:
        """What a webhook says: the same message, under the same key, as the feed will say. Raises ``ValueError``.

        Its signature is checked by whoever took it in. The original of a captured invoice comes with the feed.
        """
        try:
            said = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise UnreadableError(f"the body is not JSON: {error}") from error
        if not isinstance(said, dict):
            raise UnreadableError("the body is not an event")
        change = {**said, "id": headers.get("webhook-id", "")}
        message = message_of(system, self._config.user, self._config.entity_here, change)
        return (message,) if message else ()

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> tuple[Message, ...]:
        """What a webhook of this platform says. Raises ``ValueError``."""
        return self.webhook_messages(self._system, headers, body)

    def _messages(self, changes: Sequence[Values]) -> Iterator[Message]:
        for change in changes:
            try:
                message = message_of(self._system, self._config.user, self._config.entity_here, change)
            except UnreadableError as error:
                # One bad row never hides the good ones. It is kept as it came, and a person is told where.
                mark = self._documents.keep(
                    msgspec.json.encode(change),
                    name=f"{change.get('id')}.json",
                    media_type="application/json",
                    channel=self._system,
                )
                LOG.error("unreadable_event", system=self._system, error=str(error), kept_as=mark)
                continue
            if message is None:
                continue
            if change["type"] == "capture.completed" and change["data"].get("fileSha256"):
                self._fetch_original(change["data"])
            yield message

    def _fetch_original(self, data: Values) -> None:
        try:
            media_type, body = self._client.read_bytes(f"/invoices/{data['id']}/file")
        except RefusalError as error:  # the invoice counts without it, and so do those that come after
            LOG.error("original_missing", system=self._system, invoice=data["id"], error=str(error))
            return
        mark = self._documents.keep(
            body, name=data.get("fileName") or data["id"], media_type=media_type, channel=self._system
        )
        if mark != data["fileSha256"]:
            LOG.error("original_differs", system=self._system, invoice=data["id"], said=data["fileSha256"], kept=mark)

    # ── apply ───────────────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """Tell the platform; item by item in the order asked."""
        results: list[Result] = []
        for effect in effects:
            try:
                results.append(self._tell(effect))
            except UnreachableError as error:
                break_off = Retry(reason=str(error))
                return [*results, *[break_off] * (len(effects) - len(results))]
            except ConfigError as error:
                if not results:
                    raise
                break_off = Retry(reason=str(error), after_seconds=60.0)
                return [*results, *[break_off] * (len(effects) - len(results))]
        return results

    def _tell(self, effect: Effect) -> Result:
        try:
            match effect.payload:
                case SubmitInvoice():
                    return self._submit(effect, effect.payload)
                case ReportPosting() as payload:
                    return self._report(effect, payload.invoice_id, "posting", from_posting(payload, effect.key))
                case ReportPayment() as payload:
                    return self._report(effect, payload.invoice_id, "payment", from_payment(payload, effect.key))
                case UpsertSupplier(supplier=supplier):
                    held = self._client.write("PUT", f"/suppliers/{supplier.supplier_id}", from_supplier(supplier))
                    return _supplier_applied(held, from_supplier(supplier))
                case _:
                    return _refused(f"the AP platform cannot do {effect.operation}")
        except UnreachableError:
            raise
        except BusyError as error:
            return Retry(reason=str(error), after_seconds=error.after_seconds)
        except TransientError as error:
            return Retry(reason=str(error))
        except AnswerLostError as error:
            return Unknown(reason=str(error))
        except RefusalError as error:
            return _refused(str(error))
        except _STRANGE as error:
            return Unknown(reason=f"its answer has an unexpected shape: {error!r}")

    def _submit(self, effect: Effect, payload: SubmitInvoice) -> Result:
        """Make sure that the platform has the invoice, then tell it the verdict, which starts approval."""
        invoice = self._find(payload) or self._hand_over(effect, payload)
        held = self._client.write("PUT", f"/invoices/{invoice['id']}/match", from_verdict(payload, effect.key))
        return _report_applied(held, "match", effect.key)

    def _hand_over(self, effect: Effect, payload: SubmitInvoice) -> Values:
        body = from_invoice(payload, self._config.entity_there(payload.invoice.entity))
        key = f"{effect.operation}/{effect.key}"
        try:
            held: Values = self._client.write("POST", "/invoices", body, key=key)
        except RefusalError as error:
            # It was told before (by an attempt whose answer nobody heard, or in other words by an older release).
            found = self._by_reference(payload.invoice_id) if error.code in _KNOWN else None
            if found is None:
                raise
            return found
        return held

    def _report(self, effect: Effect, invoice_id: str, what: str, report: Values) -> Result:
        invoice = self._by_reference(invoice_id)
        if invoice is None:
            detail = "submit the invoice to the AP platform first, then redeliver this"
            return Refused(problems=(Problem(Code.LINK_UNKNOWN, what, actual=invoice_id, detail=detail),))
        try:
            held = self._client.write("PUT", f"/invoices/{invoice['id']}/{what}", report)
        except RefusalError as error:
            if error.code != "stale_report":
                raise
            return Applied(reference=invoice["id"])  # it holds a later one already: the truth has overtaken this report
        return _report_applied(held, what, effect.key)

    # ── probe ───────────────────────────────────────────────────────────────────────────────────────────────────

    def probe(self, effect: Effect) -> Finding:
        """Does the platform hold exactly this?"""
        try:
            return self._look(effect)
        except TransientError as error:
            return Unknown(reason=str(error))
        except RefusalError as error:
            return Unknown(reason=f"the look-up was refused: {error}")
        except _STRANGE as error:
            return Unknown(reason=f"its answer has an unexpected shape: {error!r}")

    def _look(self, effect: Effect) -> Finding:
        match effect.payload:
            case SubmitInvoice() as payload:
                return _held(self._find(payload), "match", effect.key)
            case ReportPosting(invoice_id=invoice_id):
                return _held(self._by_reference(invoice_id), "posting", effect.key)
            case ReportPayment(invoice_id=invoice_id):
                return _held(self._by_reference(invoice_id), "payment", effect.key)
            case UpsertSupplier(supplier=supplier):
                found = self._client.read("/suppliers", reference=supplier.supplier_id)["items"]
                wanted = from_supplier(supplier)
                return Applied(reference=found[0]["id"]) if found and _same_record(found[0], wanted) else Absent()
            case _:
                return Absent()

    def _find(self, payload: SubmitInvoice) -> Values | None:
        """The invoice on the platform: under our id, or as the capture that our id was derived from."""
        found = self._by_reference(payload.invoice_id)
        if found is not None:
            return found
        invoice = payload.invoice
        same_number = self._all(invoiceNumber=invoice.number, supplierTaxId=invoice.supplier_tax_id)
        return next((each for each in same_number if is_capture_of(self._system, each["id"], payload.invoice_id)), None)

    def _by_reference(self, invoice_id: str) -> Values | None:
        items: list[Values] = self._client.read("/invoices", reference=invoice_id)["items"]
        return items[0] if items else None

    def _all(self, **criteria: str) -> Iterator[Values]:
        after = ""
        while True:
            page = self._client.read("/invoices", **criteria, after=after, limit=self._config.page_size)
            yield from page["items"]
            after = page.get("next", "")
            if not after:
                return

    # ── totals ──────────────────────────────────────────────────────────────────────────────────────────────────

    def totals(self, scope: Scope) -> Total:
        """``payable``: posted and not paid. ``unposted``: everything before that. Item by item, under our ids.

        ``open_items``: approved or posted, and not paid.
        """
        if scope.name not in _TOTALS:
            raise ConfigError(f"the AP platform has no total {scope.name!r}; it has {', '.join(_TOTALS)}")
        asked_at = self._clock.now()
        entity = self._config.entity_there(scope.entity)
        items: dict[str, int] = {}  # by id: an invoice that moves on while we list counts once
        for state in _TOTALS[scope.name]:
            for invoice in self._all(entity=entity, state=state):
                currency, minor = signed_minor(invoice)
                if currency == scope.currency:
                    items[our_id_of(self._system, invoice)] = minor
        digest = 0
        for item, minor in items.items():
            digest = add_digest(digest, item, minor)
        total = sum(items.values())
        return Total(count=len(items), sum_minor=total, currency=scope.currency, set_hash=digest, as_of=asked_at)


def _refused(detail: str) -> Refused:
    return Refused(problems=(Problem(Code.EFFECT_REFUSED, detail=detail),))


def _report_applied(held: Values, what: str, key: str) -> Result:
    """An answer of 200 proves nothing; what it holds does."""
    report = held.get(what) or {}
    if report.get("reportId") != key:
        return Unknown(reason=f"it answered, but holds {report.get('reportId')!r} as {what} instead of {key!r}")
    return Applied(reference=held["id"])


def _held(invoice: Values | None, what: str, key: str) -> Finding:
    report = (invoice or {}).get(what) or {}
    return Applied(reference=invoice["id"]) if invoice and report.get("reportId") == key else Absent()


def _supplier_applied(held: Values, wanted: Values) -> Result:
    if not _same_record(held, wanted):
        return Unknown(reason=f"it answered, but holds another record of {held.get('reference')}")
    return Applied(reference=held["id"])


def _same_record(held: Values, wanted: Values) -> bool:
    """Whether every field that we told is held as we told it. Empty fields are left out of answers."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {name: plain(part) for name, part in value.items() if part not in ("", [], None)}
        return [plain(part) for part in value] if isinstance(value, list) else value

    defaults: Values = {"paymentTermsDays": 30}
    return all(
        plain(held.get(name, defaults.get(name, type(value)()))) == plain(value) for name, value in wanted.items()
    )


def connect(name: str, settings: dict[str, Any], folder: Path, documents: Documents) -> ApPlatform:
    """The connector out of its table in the configuration. Raises ``ConfigError`` that says what is wrong with it."""
    config = read_config(settings)
    return ApPlatform(config, read_secret(config.api_key, folder), documents, SystemClock(), system=name)
