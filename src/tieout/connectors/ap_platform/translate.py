"""The AP platform's shapes to ours and back. Pure.

Keys and facts come from the documents alone, never from the envelope they came in, so that the feed and a webhook
tell the same message.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from tieout.connectors.ap_platform import wire
from tieout.formats.fields import MINOR_MAX
from tieout.kernel.ids import derive
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.kernel.text import parse_day, parse_decimal
from tieout.model.documents import Address, BankAccount, Invoice, InvoiceKind, InvoiceLine, Supplier
from tieout.model.effects import ReportPayment, ReportPosting, SubmitInvoice
from tieout.model.events import Message, Ref
from tieout.model.facts import ApprovalDecided, Fact, InvoiceReceived, SupplierProposed
from tieout.model.identity import supplier_id_of

T = TypeVar("T")
Values = dict[str, Any]
#: Our legal entity for one of theirs.
EntityName = Callable[[str], str]

CHANNEL = "ap"
_KINDS = {"INVOICE": InvoiceKind.INVOICE, "CREDIT_NOTE": InvoiceKind.CREDIT_NOTE}
_PAYMENT_STATUS = {"booked": "paid", "returned": "returned"}
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PERSON = "person:"


class UnreadableError(ValueError):
    """The platform told us something that we cannot read. Says what, and where it stands; never bank details."""


# ── what we hear ───────────────────────────────────────────────────────────────────────────────────────────────────


def message_of(system: str, user: str, entity_here: EntityName, change: Values) -> Message | None:
    """What an event states; ``None`` when it is nothing new to us. Raises :class:`UnreadableError`."""
    event = _read(change, wire.Change, "event")
    match event.type:
        case "capture.completed":
            return _captured(system, entity_here, event)
        case "approval.changed":
            return _decided(system, entity_here, event)
        case "supplier.changed":
            return _proposed(system, user, event)
        case _:
            return None


def _captured(system: str, entity_here: EntityName, event: wire.Change) -> Message:
    held = _read(event.data, wire.Invoice, event.type)
    invoice = to_invoice(held, entity_here)
    fact = InvoiceReceived(invoice=invoice, channel=CHANNEL, system_id=held.id)
    return Message(
        source=system,
        key=_capture_key(held.id),
        data=fact,
        entity=invoice.entity,
        actor=f"system:{system}",
        occurred_at=_moment(event.timestamp),
    )


def _decided(system: str, entity_here: EntityName, event: wire.Change) -> Message | None:
    held = _read(event.data, wire.Invoice, event.type)
    approval = held.approval
    if approval.state in ("not_started", "waiting"):
        return None
    if approval.state not in ("approved", "rejected"):
        raise UnreadableError(f"{held.id}: approval.state {approval.state[:40]!r} is neither approved nor rejected")
    by = _text(approval.by, f"{held.id}: approval.by")
    approver = by if approval.rule or by.startswith(_PERSON) else _PERSON + by
    fact: Fact = ApprovalDecided(
        approved=approval.state == "approved",
        approver=approver,
        reason=approval.comment,
        decided_at=_moment(approval.decided_at),
    )
    return Message(
        source=system,
        key=f"approval/{_text(held.id, 'id')}/{held.revision}",
        data=fact,
        ref=Ref(system, held.id),
        entity=entity_here(held.entity),
        actor=f"system:{system}" if approval.rule else approver,
        occurred_at=_moment(event.timestamp),
    )


def _proposed(system: str, user: str, event: wire.Change) -> Message | None:
    """What others than we do to a supplier record is a proposal; without a tax id nobody can tell whose it is."""
    held = _read(event.data, wire.Supplier, event.type)
    if held.changed_by == user or not held.tax_id.strip():
        return None
    return Message(
        source=system,
        key=f"supplier/{_text(held.id, 'id')}/{held.revision}",
        data=SupplierProposed(supplier=_supplier(held)),
        actor=f"{_PERSON}{held.changed_by}" if held.changed_by else f"system:{system}",
        occurred_at=_moment(event.timestamp),
    )


def _supplier(held: wire.Supplier) -> Supplier:
    account = None
    if held.bank_accounts:
        first = held.bank_accounts[0]
        account = BankAccount(iban=first.iban, holder=first.holder or held.name, bic=first.bic, currency=first.currency)
    return Supplier(
        supplier_id=supplier_id_of(held.tax_id),
        name=held.name,
        tax_id=held.tax_id,
        address=Address(street=held.street, postal_code=held.postal_code, town=held.town, country=held.country),
        bank_account=account,
        payment_terms_days=held.payment_terms_days,
        email=held.email,
    )


def to_invoice(held: wire.Invoice, entity_here: EntityName) -> Invoice:
    """The canonical invoice. What has no canonical form is unreadable; whatever has one goes on, even when it is wrong
    in itself, because people get a case for it. An unnamed tax registration is such a case: the supplier is unknown."""
    where = _text(held.id, "id")
    if held.document_type not in _KINDS:
        raise UnreadableError(f"{where}: documentType {held.document_type[:40]!r} is neither INVOICE nor CREDIT_NOTE")
    if held.file_sha256 and not _SHA256.fullmatch(held.file_sha256):
        raise UnreadableError(f"{where}: fileSha256 is not a SHA-256")
    party, gross = held.supplier, _money(held.gross, f"{where}: gross")
    known = "" if party.tax_id.strip() else party.reference
    return Invoice(
        kind=_KINDS[held.document_type],
        number=_text(held.invoice_number, f"{where}: invoiceNumber"),
        entity=entity_here(_text(held.entity, f"{where}: entity")),
        supplier_id=known or supplier_id_of(party.tax_id.strip() or _text(party.name, f"{where}: supplier.name")),
        supplier_tax_id=party.tax_id,
        supplier_name=party.name,
        currency=gross.currency,
        issued_on=_day(held.invoice_date, f"{where}: invoiceDate"),
        due_on=_day(held.due_date, f"{where}: dueDate"),
        lines=tuple(_line(line, f"{where}: lines[{index}]") for index, line in enumerate(held.lines)),
        net=_money(held.net, f"{where}: net"),
        tax=_money(held.tax, f"{where}: tax"),
        gross=gross,
        credits_number=held.credited_invoice_number,
        document=held.file_sha256,
    )


def _line(line: wire.Line, where: str) -> InvoiceLine:
    return InvoiceLine(
        line_id=line.line_number,
        quantity=_number(line.quantity, f"{where}.quantity"),
        unit=line.unit,
        unit_price=_number(line.unit_price, f"{where}.unitPrice"),
        net=_money(line.net, f"{where}.net"),
        description=line.description,
        tax_rate=_number(line.tax_rate, f"{where}.taxRate"),
        order_id=line.po_number,
        order_line_id=line.po_line,
    )


# ── whose invoice it is ────────────────────────────────────────────────────────────────────────────────────────────


def _capture_key(ap_id: str) -> str:
    """The key of the message that tells of a capture: one arrival, whatever its revision."""
    return f"capture/{ap_id}"


def _captured_id(system: str, ap_id: str) -> str:
    """Our id of an invoice that the platform captured: what intake derives from source and key."""
    return derive("inv", system, _capture_key(ap_id))


def is_capture_of(system: str, ap_id: str, invoice_id: str) -> bool:
    """Whether this capture is how our invoice arrived. Another one with the same number is a duplicate, not it."""
    return _captured_id(system, ap_id) == invoice_id


def our_id_of(system: str, invoice: Values) -> str:
    """Our id of an invoice the platform holds: the one we told it, else the one its capture has with us."""
    return str(invoice.get("reference") or _captured_id(system, invoice["id"]))


def signed_minor(invoice: Values) -> tuple[str, int]:
    """Currency, and what it adds to the liability in minor units: negative for a credit note."""
    gross = _money(_read(invoice["gross"], wire.Amount, "gross"), f"{invoice['id']}: gross")
    return gross.currency, -gross.minor if invoice.get("documentType") == "CREDIT_NOTE" else gross.minor


# ── what we tell ───────────────────────────────────────────────────────────────────────────────────────────────────


def from_supplier(supplier: Supplier) -> Values:
    """A supplier record as they take it."""
    account = supplier.bank_account
    fields = ("iban", "holder", "bic", "currency")
    return {
        "name": supplier.name,
        "taxId": supplier.tax_id,
        "street": supplier.address.street,
        "postalCode": supplier.address.postal_code,
        "town": supplier.address.town,
        "country": supplier.address.country,
        "email": supplier.email,
        "paymentTermsDays": supplier.payment_terms_days,
        "bankAccounts": [{name: getattr(account, name) for name in fields}] if account else [],
    }


def from_invoice(payload: SubmitInvoice, entity_there: str) -> Values:
    """An invoice for the platform, under our id. The original stays with us."""
    invoice = payload.invoice
    return {
        "reference": payload.invoice_id,
        "channel": "api",
        "entity": entity_there,
        "documentType": "CREDIT_NOTE" if invoice.kind is InvoiceKind.CREDIT_NOTE else "INVOICE",
        "invoiceNumber": invoice.number,
        "supplier": {"name": invoice.supplier_name, "taxId": invoice.supplier_tax_id},
        "invoiceDate": invoice.issued_on.isoformat(),
        "dueDate": invoice.due_on.isoformat(),
        "lines": [_from_line(line) for line in invoice.lines],
        "net": _from_money(invoice.net),
        "tax": _from_money(invoice.tax),
        "gross": _from_money(invoice.gross),
        "creditedInvoiceNumber": invoice.credits_number,
    }


def _unit_price(line: InvoiceLine) -> str:
    """The price of one unit; without an end, to ten decimals: the platform only shows it."""
    if line.price_per == 1:
        return f"{line.unit_price:f}"
    price = (line.unit_price / line.price_per).quantize(Decimal("1e-10"))
    return f"{price:f}".rstrip("0").rstrip(".")


def _from_line(line: InvoiceLine) -> Values:
    return {
        "lineNumber": line.line_id,
        "quantity": f"{line.quantity:f}",
        "unit": line.unit,
        "unitPrice": _unit_price(line),
        "net": _from_money(line.net),
        "description": line.description,
        "taxRate": f"{line.tax_rate:f}",
        "poNumber": line.order_id,
        "poLine": line.order_line_id,
    }


def from_verdict(payload: SubmitInvoice, key: str) -> Values:
    """The verdict, and the holds it will be posted with. An invoice without an order was not matched: no rule of theirs
    may approve it, people do."""
    verdict = payload.verdict
    found = [_from_problem(problem) for problem in verdict.problems]
    if not verdict.matched and not found:
        found = [{"code": "no_order", "text": "It names no order, so there was nothing to match it with."}]
    return {
        "reportId": key,
        "verdict": "matched" if verdict.matched else "discrepant",
        "reference": payload.invoice_id,
        "discrepancies": found,
        "policy": verdict.policy,
        **({"holds": list(payload.hold)} if payload.hold else {}),
    }


def _from_problem(problem: Problem) -> Values:
    return {
        "code": problem.code.value,
        "where": problem.where,
        "expected": problem.expected,
        "actual": problem.actual,
        "text": problem.detail,
    }


def from_posting(payload: ReportPosting, key: str) -> Values:
    """What the ERP holds. An invoice is posted once, so there is nothing it could overtake."""
    posting = payload.posting
    return {
        "reportId": key,
        "status": "posted",
        "documentNumber": posting.number,
        "postingDate": posting.posted_on.isoformat(),
        "period": posting.period,
        "gross": _from_money(posting.gross),
    }


def from_payment(payload: ReportPayment, key: str) -> Values:
    """Where the payment stands, as of the day; a status they do not know is theirs to refuse."""
    return {
        "reportId": key,
        "status": _PAYMENT_STATUS.get(payload.status, payload.status),
        "paymentReference": payload.payment_id,
        "paidOn": payload.on.isoformat() if payload.status == "booked" else "",
        "asOf": payload.on.isoformat(),
    }


def _from_money(money: Money) -> Values:
    return {"amount": f"{money.amount:f}", "currency": money.currency}


# ── single values ──────────────────────────────────────────────────────────────────────────────────────────────────


def _read(values: object, kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise UnreadableError(f"{where}: {error}") from error


def _text(text: str, where: str) -> str:
    if not text.strip():
        raise UnreadableError(f"{where} is empty")
    return text


def _number(text: str, where: str) -> Decimal:
    value = parse_decimal(text)
    if value is None:
        raise UnreadableError(f"{where} {text[:40]!r} is not a plain decimal number")
    return value


def _money(amount: wire.Amount, where: str) -> Money:
    try:
        money = Money.of(_number(amount.amount, where), amount.currency)
    except UnreadableError:
        raise
    except ValueError as error:
        raise UnreadableError(f"{where}: {error}") from error
    if abs(money.minor) > MINOR_MAX:
        raise UnreadableError(f"{where}: {money} is more than can be kept")
    return money


def _day(text: str, where: str) -> date:
    value = parse_day(text)
    if value is None:
        raise UnreadableError(f"{where} {text[:40]!r} is not a day such as 2026-05-31")
    return value


def _moment(text: str) -> datetime | None:
    """A moment in UTC; ``None`` when none is told that can be read."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
