"""What we make the platform hold, and how we find out whether it does. Item by item: it takes no batches.

Every write begins with a look at what the platform holds under our id, and ends with what it answers to hold. So a
write that is repeated goes on where the last one was cut off.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from tieout.connectors.ap_platform import translate
from tieout.connectors.ap_platform.client import AnswerLostError, BusyError, Client, RefusalError
from tieout.connectors.ap_platform.translate import HeldInvoice, HeldSupplier, InvoicePage, Suppliers
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Supplier
from tieout.model.effects import ReportPayment, ReportPosting, SubmitInvoice, UpsertSupplier
from tieout.ports import Absent, Applied, Effect, Finding, Refused, Result, Retry, Unknown

T = TypeVar("T")
PAGE = 100


class Writer:
    """``apply`` and ``probe``."""

    def __init__(self, client: Client, system: str) -> None:
        self._client = client
        self._system = system

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        """One after the other. When the platform asks for a pause or falls silent, the rest is not sent at all."""
        results: list[Result] = []
        pause: Retry | None = None
        for effect in effects:
            result, pause = (pause, pause) if pause else self._apply(effect)
            results.append(result)
        return results

    def probe(self, effect: Effect) -> Finding:
        """Look it up under our id."""
        try:
            return self._find(effect)
        except (BusyError, RefusalError, msgspec.DecodeError) as error:
            return Unknown(reason=str(error))

    def _apply(self, effect: Effect) -> tuple[Result, Retry | None]:
        """The result, and what to answer for all that come after it."""
        try:
            return self._write(effect), None
        except BusyError as error:
            pause = Retry(reason=str(error), after_seconds=error.after_seconds)
            return pause, pause
        except AnswerLostError as error:
            silence = Retry(reason=f"not sent: the AP platform does not answer ({error})") if error.silent else None
            return Unknown(reason=str(error)), silence
        except RefusalError as error:
            return refused(error.code, error.message), None
        except msgspec.DecodeError as error:
            return Unknown(reason=f"the answer cannot be read: {error}"), None

    def _write(self, effect: Effect) -> Result:
        match effect.payload:
            case UpsertSupplier(supplier=supplier):
                return self._upsert_supplier(supplier)
            case SubmitInvoice() as payload:
                return self._submit(payload, effect.key)
            case ReportPosting() as payload:
                return self._report_posting(payload, effect.key)
            case ReportPayment() as payload:
                return self._report_payment(payload, effect.key)
            case _:
                return refused("operation", f"the AP platform cannot do {effect.operation}")

    def _find(self, effect: Effect) -> Finding:
        match effect.payload:
            case UpsertSupplier(supplier=supplier):
                held = self._supplier(reference=supplier.supplier_id)
                wanted = translate.supplier_body(supplier, blocked=bool(held and held.blocked))
                return _found(held, lambda one: translate.body_held(one) == wanted)
            case SubmitInvoice(invoice_id=invoice_id) as payload:
                report = translate.match_report(payload, effect.key)
                return _found(self._invoice(invoice_id), lambda one: one.match == report)
            case ReportPosting(invoice_id=invoice_id) as payload:
                posting = translate.posting_report(payload, effect.key)
                return _found(self._invoice(invoice_id), lambda one: one.posting == posting)
            case ReportPayment(invoice_id=invoice_id) as payload:
                payment = translate.payment_report(payload, effect.key)
                told = payment is not None
                return _found(
                    self._invoice(invoice_id),
                    lambda one: told and payment is not None and translate.is_settled(one.payment, payment),
                )
            case _:
                return Absent()

    # ── suppliers ───────────────────────────────────────────────────────────────────────────────────────────────

    def _upsert_supplier(self, supplier: Supplier) -> Result:
        held = self._supplier(reference=supplier.supplier_id)
        if held is None and supplier.tax_id:  # one that people made there is taken over, with their block on it
            held = self._supplier(taxId=supplier.tax_id)
        body = translate.supplier_body(supplier, blocked=bool(held and held.blocked))
        answer = self._client.put(body, "suppliers", supplier.supplier_id)
        return Applied(reference=msgspec.json.decode(answer, type=HeldSupplier).id)

    def _supplier(self, **by: str) -> HeldSupplier | None:
        found = msgspec.json.decode(self._client.get("suppliers", **by), type=Suppliers).items
        if "taxId" in by:
            found = tuple(one for one in found if not one.reference)
        return found[0] if found else None

    # ── invoices ────────────────────────────────────────────────────────────────────────────────────────────────

    def _submit(self, payload: SubmitInvoice, key: str) -> Result:
        """Hand it over, unless the platform has it; then report the verdict on it."""
        held = self._invoice(payload.invoice_id) or self._captured(payload) or self._hand_over(payload, key)
        if problem := _another(held, payload):
            return Refused(problems=(problem,))
        answer = self._client.put(translate.match_report(payload, key), "invoices", held.id, "match")
        held = msgspec.json.decode(answer, type=HeldInvoice)
        return Applied(reference=held.id)

    def _hand_over(self, payload: SubmitInvoice, key: str) -> HeldInvoice:
        body = translate.submission(payload)
        return msgspec.json.decode(self._client.post(body, "invoices", key=key), type=HeldInvoice)

    def _captured(self, payload: SubmitInvoice) -> HeldInvoice | None:
        """The very invoice, if it came to us from the platform: our id of it is derived from the platform's.

        Another capture with the same number is a duplicate, and stays what it is.
        """
        invoice, after = payload.invoice, ""
        by = {"invoiceNumber": invoice.number, "supplierTaxId": invoice.supplier_tax_id, "entity": invoice.entity}
        by = {name: text for name, text in by.items() if text}
        while True:
            more = {"after": after} if after else {}
            page = msgspec.json.decode(self._client.get("invoices", **by, **more, limit=PAGE), type=InvoicePage)
            for held in page.items:
                if translate.captured_id(held.id, self._system) == payload.invoice_id:
                    return held
            if not page.next:
                return None
            after = page.next

    def _invoice(self, invoice_id: str) -> HeldInvoice | None:
        found = msgspec.json.decode(self._client.get("invoices", reference=invoice_id), type=InvoicePage).items
        return found[0] if found else None

    # ── reports ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _report_posting(self, payload: ReportPosting, key: str) -> Result:
        held = self._invoice(payload.invoice_id)
        return self._report(held, translate.posting_report(payload, key), "posting", payload.invoice_id)

    def _report_payment(self, payload: ReportPayment, key: str) -> Result:
        report = translate.payment_report(payload, key)
        if report is None:
            return refused("status", f"the AP platform has no word for a payment that is {payload.status!r}")
        held = self._invoice(payload.invoice_id)
        if held is not None and translate.is_settled(held.payment, report):
            return Applied(reference=held.id)
        return self._report(held, report, "payment", payload.invoice_id)

    def _report(self, held: HeldInvoice | None, report: object, what: str, invoice_id: str) -> Result:
        if held is None:
            return Retry(reason=f"the AP platform does not know invoice {invoice_id} (yet)")
        answer = self._client.put(report, "invoices", held.id, what)
        return Applied(reference=msgspec.json.decode(answer, type=HeldInvoice).id)


def refused(where: str, detail: str) -> Refused:
    """The target said no."""
    return Refused(problems=(Problem(Code.EFFECT_REFUSED, where=where, detail=detail),))


def _found(held: Any, is_so: Callable[[Any], bool]) -> Finding:
    return Applied(reference=held.id) if held is not None and is_so(held) else Absent()


def _another(held: HeldInvoice, payload: SubmitInvoice) -> Problem | None:
    """Where what the platform holds under our id is another document than ours."""
    ours = payload.invoice
    for where, expected, actual in (
        ("invoiceNumber", ours.number, held.invoice_number),
        ("gross", str(ours.payable), str(translate.signed_minor(held))),
    ):
        if expected != actual:
            detail = f"the AP platform holds {held.id} as invoice {payload.invoice_id}"
            return Problem(Code.EFFECT_REFUSED, where, expected, actual, detail=detail)
    return None
