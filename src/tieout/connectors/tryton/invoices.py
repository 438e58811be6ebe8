"""Supplier invoices and credit notes: posted with the supplier's own amounts, or not at all."""

from collections.abc import Sequence

from msgspec import Struct

from tieout.connectors.tryton.client import Values
from tieout.connectors.tryton.directory import Company
from tieout.connectors.tryton.landing import Desk, Documents, Landed, ids_of
from tieout.connectors.tryton.translate import (
    INVOICE_FIELDS,
    LineTarget,
    draft_problems,
    fits_unit,
    invoice_line_values,
    invoice_posting,
    invoice_values,
    record_reference,
    tax_corrections,
)
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import InvoiceLine
from tieout.model.effects import PostInvoice
from tieout.ports import Applied

_MODEL = "account.invoice"


class OrderLineInErp(Struct, frozen=True):
    """A line of a purchase order as the ERP holds it."""

    record_id: int
    product: int | None
    unit_category: int | None
    expense_account: int | None


class Invoices(Documents[PostInvoice]):
    """``post_invoice``. Our invoice id stands in the description, the supplier's number in the reference."""

    model = _MODEL
    key_field = "description"
    fields = INVOICE_FIELDS
    code = Code.POSTING_REFUSED

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._order_lines: dict[tuple[str, str], OrderLineInErp] = {}

    def key_of(self, payload: PostInvoice) -> str:
        return payload.invoice_id

    def entity_of(self, payload: PostInvoice) -> str:
        return payload.invoice.entity

    def domain(self, company: Company) -> list[object]:
        return [("company", "=", company.record_id), ("type", "=", "in")]

    def is_finished(self, row: Values) -> bool:
        return row["state"] in {"posted", "paid"}

    def refusal_code(self, company: Company, payload: PostInvoice) -> Code:
        """Where the period is not open, that is the reason, whatever words the ERP has for it."""
        return self.code if self.directory.has_open_period(company, payload.post_on) else Code.PERIOD_NOT_OPEN

    # ── before ──────────────────────────────────────────────────────────────────────────────────────────────────

    def learn(self, company: Company, payloads: Sequence[PostInvoice]) -> None:
        """The suppliers and the order lines of all invoices, in two calls."""
        self.directory.learn_parties(payload.invoice.supplier_id for payload in payloads)
        orders = {line.order_id for payload in payloads for line in payload.invoice.lines if line.order_id}
        self._order_lines = order_lines(self, company, sorted(orders))

    def values_of(self, payload: PostInvoice, company: Company, attempt: int) -> Values:
        invoice = payload.invoice
        party = self.directory.party(invoice.supplier_id, invoice.supplier_tax_id)
        currency = self.directory.currency(invoice.currency)
        lines = [
            values
            for line in invoice.lines
            for values in invoice_line_values(line, self._target(line, company), company, currency, invoice.sign)
        ]
        return invoice_values(invoice, payload.invoice_id, payload.post_on, company, party, currency, lines)

    def _target(self, line: InvoiceLine, company: Company) -> LineTarget:
        """The account and tax of a line; and its order line, so that the order knows what has been billed."""
        tax = self.directory.tax(company, line.tax_rate) if line.tax_rate else None
        ordered = self._order_lines.get((line.order_id, line.order_line_id))
        if ordered is None:
            return LineTarget(company.expense_account, tax)
        unit = self.directory.unit(line.unit)
        same_kind = unit is not None and unit.category == ordered.unit_category and fits_unit(line.quantity, unit)
        return LineTarget(
            ordered.expense_account or company.expense_account,
            tax,
            ordered.record_id,
            ordered.product if same_kind else None,
            unit.record_id if unit is not None and same_kind else None,
        )

    # ── between draft and ledger ────────────────────────────────────────────────────────────────────────────────

    def verify(self, company: Company, landed: Sequence[Landed]) -> dict[str, tuple[Problem, ...]]:
        """Put the billed tax in, then compare the ERP's totals with the document's, to the cent."""
        payloads = {one.record_id: self._payload(one.effect) for one in landed}
        self._correct_taxes(company, payloads)
        rows = self.client.read(_MODEL, list(payloads), self.fields, context=company.context)
        problems = {row["id"]: draft_problems(payloads[row["id"]].invoice, row) for row in rows}
        return {one.effect.effect_id: problems[one.record_id] for one in landed if problems[one.record_id]}

    def _correct_taxes(self, company: Company, payloads: dict[int, PostInvoice]) -> None:
        taxes: dict[int, list[Values]] = {record_id: [] for record_id in payloads}
        for row in self.client.search_read(
            "account.invoice.tax", [("invoice", "in", list(payloads))], ["invoice", "base", "amount"]
        ):
            taxes[row["invoice"]].append(row)
        changes, missing = [], []
        for record_id, payload in payloads.items():
            invoice = payload.invoice
            changes += tax_corrections(invoice.tax, invoice.sign, taxes[record_id])
            if invoice.tax and not taxes[record_id]:
                missing.append(self._tax_as_billed(record_id, payload, company))
        self.client.write_each("account.invoice.tax", changes, context=company.context)
        if missing:
            self.client.create("account.invoice.tax", missing, context=company.context)

    def _tax_as_billed(self, record_id: int, payload: PostInvoice, company: Company) -> Values:
        """A tax line for a document that bills tax without saying on which line."""
        invoice = payload.invoice
        return {
            "invoice": record_id,
            "description": "Tax as billed",
            "account": self.directory.account(company, "input_tax"),
            "base": invoice.net.amount * invoice.sign,
            "amount": invoice.tax.amount * invoice.sign,
            "manual": True,
        }

    def finish(self, company: Company, landed: Sequence[Landed]) -> None:
        self.client.press(_MODEL, "post", ids_of(landed), context=company.context, allow=self.allow)

    def discard(self, company: Company, record_id: int) -> None:
        self.client.delete(_MODEL, [record_id], context=company.context)

    # ── evidence ────────────────────────────────────────────────────────────────────────────────────────────────

    def applied(self, company: Company, payload: PostInvoice, row: Values) -> Applied:
        return Applied(
            reference=record_reference(_MODEL, row["id"]),
            posting=invoice_posting(row, payload.invoice.sign),
            links={"journal_entry": row["move."]["number"]},
        )


def order_lines(
    documents: Documents[PostInvoice], company: Company, order_ids: Sequence[str]
) -> dict[tuple[str, str], OrderLineInErp]:
    """The lines of these orders, by our order id and line id."""
    if not order_ids:
        return {}
    rows = documents.client.search_read(
        "purchase.line",
        [
            ("purchase.company", "=", company.record_id),
            ("purchase.reference", "in", list(order_ids)),
            ("purchase.state", "in", ["confirmed", "processing", "done"]),
            ("type", "=", "line"),
        ],
        ["purchase.reference", "note", "product", "unit.category", "product.account_category.account_expense"],
        context=company.context,
    )
    return {(row["purchase."]["reference"], row["note"]): _order_line(row) for row in rows}


def _order_line(row: Values) -> OrderLineInErp:
    product, unit = row.get("product.") or {}, row.get("unit.") or {}
    category = product.get("account_category.") or {}
    return OrderLineInErp(row["id"], row["product"], unit.get("category"), category.get("account_expense"))
