"""The AP platform's documents in our words and back. Pure: no call is made here."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tieout.kernel.ids import derive
from tieout.kernel.money import Money
from tieout.kernel.problem import Problem
from tieout.kernel.text import parse_day, parse_decimal
from tieout.model import documents, effects
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.events import Message, Ref
from tieout.model.facts import ApprovalDecided, Fact, InvoiceReceived
from tieout.model.identity import supplier_id_of
from tieout.model.verdict import Verdict

CAPTURED, DECIDED = "capture.completed", "approval.changed"
CHANNEL = "ap"
_KINDS = {"INVOICE": InvoiceKind.INVOICE, "CREDIT_NOTE": InvoiceKind.CREDIT_NOTE}
_PAYMENT_STATUS = {"booked": "paid", "returned": "returned"}
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PERSON = "person:"


class UnreadableError(ValueError):
    """A row that cannot be translated. The message names the field and never repeats bank details."""


class Wire(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Root of the platform's bodies. Unknown fields are ignored."""


class Amount(Wire):
    """An amount."""

    amount: str
    currency: str


class Account(Wire):
    """A supplier's bank account."""

    iban: str
    holder: str = ""
    bic: str = ""
    currency: str = ""


class SupplierBody(Wire):
    """What we want the platform to hold of a supplier. ``blocked`` is a decision of its own people."""

    name: str
    tax_id: str = ""
    street: str = ""
    postal_code: str = ""
    town: str = ""
    country: str = ""
    email: str = ""
    payment_terms_days: int = 30
    bank_accounts: tuple[Account, ...] = ()
    blocked: bool = False


class HeldSupplier(SupplierBody, kw_only=True):
    """A supplier as the platform holds it."""

    id: str
    reference: str = ""


class Suppliers(Wire):
    """Suppliers found."""

    items: tuple[HeldSupplier, ...]


class Party(Wire):
    """The supplier as printed on the document; ``reference`` is our id when the platform recognised it."""

    name: str = ""
    tax_id: str = ""
    reference: str = ""


class Line(Wire):
    """One invoice line."""

    line_number: str
    quantity: str
    unit: str
    unit_price: str
    net: Amount
    description: str = ""
    tax_rate: str = "0"
    po_number: str = ""
    po_line: str = ""


class Paper(Wire, kw_only=True):
    """An invoice as it stands on paper."""

    entity: str
    document_type: str = "INVOICE"
    invoice_number: str
    supplier: Party
    invoice_date: str
    due_date: str
    lines: tuple[Line, ...]
    net: Amount
    tax: Amount
    gross: Amount
    credited_invoice_number: str = ""


class Submission(Paper, kw_only=True):
    """An invoice that we hand over, under our own id."""

    reference: str
    channel: str = "api"


class Discrepancy(Wire):
    """One thing that matching found."""

    code: str
    where: str = ""
    expected: str = ""
    actual: str = ""
    text: str = ""


class MatchReport(Wire):
    """What our matching says."""

    report_id: str
    verdict: str
    reference: str = ""
    discrepancies: tuple[Discrepancy, ...] = ()
    policy: str = ""


class PostingReport(Wire):
    """What the ledger holds."""

    report_id: str
    status: str
    document_number: str = ""
    posting_date: str = ""
    period: str = ""
    gross: Amount | None = None


class PaymentReport(Wire):
    """Where the payment stands. The platform refuses a report whose ``asOf`` is older than that of the one it holds."""

    report_id: str
    status: str
    payment_reference: str = ""
    paid_on: str = ""
    as_of: str = ""


class Approval(Wire):
    """Where approval stands. ``rule`` is set when no person but a rule decided."""

    state: str = "not_started"
    by: str = ""
    comment: str = ""
    rule: str = ""
    decided_at: str = ""


class HeldInvoice(Paper, kw_only=True):
    """An invoice as the platform holds it."""

    id: str
    revision: int = 0
    state: str = ""
    reference: str = ""
    file_name: str = ""
    file_sha256: str = ""
    match: MatchReport | None = None
    approval: Approval = Approval()
    posting: PostingReport | None = None
    payment: PaymentReport | None = None


class InvoicePage(Wire):
    """A page of invoices in the order of their ids."""

    items: tuple[HeldInvoice, ...]
    next: str = ""


class Change(Wire):
    """One event: of the feed (with its ``id``) or of a webhook, whose body is the rest of it."""

    type: str
    timestamp: str
    data: Raw
    id: str = ""


class ChangePage(Wire):
    """A page of the feed. Its events are decoded one by one, so that a bad one does not hide the others."""

    items: tuple[Raw, ...]
    next: int
    more: bool | UnsetType = UNSET


# ── what we hear ───────────────────────────────────────────────────────────────────────────────────────────────────


class Heard(Struct, frozen=True):
    """What an event means to us: a message, and the platform's id of the invoice whose original is to be fetched."""

    message: Message
    original_of: str = ""


def read_change(raw: bytes | Raw) -> Change:
    """An event of the feed, or the body of a webhook. Raises :class:`UnreadableError`."""
    return _decoded(raw, Change)


def heard(change: Change, system: str) -> Heard | None:
    """What an event means; ``None`` when it is none of our business. Raises :class:`UnreadableError`.

    Key and fact come from the document alone, so that webhook and feed tell the same message.
    """
    match change.type:
        case "capture.completed":
            return _captured(_decoded(change.data, HeldInvoice), change, system)
        case "approval.changed":
            return _decided(_decoded(change.data, HeldInvoice), change, system)
        case _:
            return None


def _captured(held: HeldInvoice, change: Change, system: str) -> Heard:
    invoice = invoice_of(held)
    fact = InvoiceReceived(invoice=invoice, channel=CHANNEL, system_id=held.id)
    message = _message(system, capture_key(held.id), fact, held, change, f"system:{system}")
    return Heard(message, held.id if invoice.document else "")


def _decided(held: HeldInvoice, change: Change, system: str) -> Heard | None:
    approval = held.approval
    if approval.state not in ("approved", "rejected"):
        if approval.state in ("waiting", "not_started"):
            return None
        raise UnreadableError(f"approval.state: {approval.state!r} is neither approved nor rejected")
    by = _text(approval.by, "approval.by")
    approver = by if approval.rule or by.startswith(_PERSON) else _PERSON + by
    fact = ApprovalDecided(
        approved=approval.state == "approved",
        approver=approver,
        reason=approval.comment or (f"rule {approval.rule}" if approval.rule else ""),
        decided_at=moment_of(approval.decided_at),
    )
    actor = f"system:{system}" if approval.rule else approver
    key = f"approval/{_text(held.id, 'id')}/{held.revision}"
    return Heard(_message(system, key, fact, held, change, actor, Ref(system, held.id)))


def _message(
    system: str, key: str, fact: Fact, held: HeldInvoice, change: Change, actor: str, ref: Ref | None = None
) -> Message:
    return Message(
        source=system,
        key=key,
        data=fact,
        ref=ref,
        entity=held.entity,
        actor=actor,
        occurred_at=moment_of(change.timestamp),
    )


def capture_key(ap_id: str) -> str:
    """The key of the message that tells of a captured invoice: one arrival, whatever its revision."""
    return f"capture/{ap_id}"


def invoice_id_of(held: HeldInvoice, system: str) -> str:
    """Our id of an invoice the platform holds: what we told it, else the one its capture gave it with us."""
    return held.reference or captured_id(held.id, system)


def captured_id(ap_id: str, system: str) -> str:
    """Our id of an invoice that the platform captured (what intake derives from source and key)."""
    return derive("inv", system, capture_key(ap_id))


def invoice_of(held: HeldInvoice) -> Invoice:
    """The canonical invoice. Raises :class:`UnreadableError` for what has no canonical form; whatever has one, even
    when it is wrong in itself, goes on, because people get a case for it."""
    if held.document_type not in _KINDS:
        raise UnreadableError(f"documentType: {held.document_type!r} is neither INVOICE nor CREDIT_NOTE")
    if held.file_sha256 and not _SHA256.fullmatch(held.file_sha256):
        raise UnreadableError("fileSha256: not a SHA-256")
    _text(held.id, "id")
    party, gross = held.supplier, _money(held.gross, "gross")
    # Without a tax number the name has to do; that supplier is unknown to us, and a person finds out who it is.
    known = "" if party.tax_id.strip() else party.reference
    return Invoice(
        kind=_KINDS[held.document_type],
        number=_text(held.invoice_number, "invoiceNumber"),
        entity=_text(held.entity, "entity"),
        supplier_id=known or supplier_id_of(party.tax_id.strip() or _text(party.name, "supplier.name")),
        supplier_tax_id=party.tax_id,
        supplier_name=party.name,
        currency=gross.currency,
        issued_on=_day(held.invoice_date, "invoiceDate"),
        due_on=_day(held.due_date, "dueDate"),
        lines=tuple(_line(line, f"lines[{index}]") for index, line in enumerate(held.lines)),
        net=_money(held.net, "net"),
        tax=_money(held.tax, "tax"),
        gross=gross,
        credits_number=held.credited_invoice_number,
        document=held.file_sha256,
    )


def _line(line: Line, where: str) -> InvoiceLine:
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


def signed_minor(held: HeldInvoice) -> Money:
    """What an invoice adds to the liability: its gross amount, negative for a credit note."""
    gross = _money(held.gross, "gross")
    return -gross if held.document_type == "CREDIT_NOTE" else gross


def moment_of(text: str) -> datetime | None:
    """A moment of the platform, in UTC; ``None`` when it says none that can be read."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(text: str, where: str) -> str:
    if not text.strip():
        raise UnreadableError(f"{where}: empty")
    return text


def _number(text: str, where: str) -> Decimal:
    value = parse_decimal(text)
    if value is None:
        raise UnreadableError(f"{where}: {text[:40]!r} is not a plain decimal number such as 12.50")
    return value


def _money(amount: Amount, where: str) -> Money:
    value = _number(amount.amount, where)
    try:
        return Money.of(value, amount.currency)
    except ValueError as error:
        raise UnreadableError(f"{where}: {error}") from None


def _day(text: str, where: str) -> date:
    value = parse_day(text)
    if value is None:
        raise UnreadableError(f"{where}: {text[:40]!r} is not a day such as 2026-05-31")
    return value


def _decoded[T](raw: bytes | Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableError(str(error)) from None


# ── what we tell ───────────────────────────────────────────────────────────────────────────────────────────────────


def supplier_body(supplier: documents.Supplier, *, blocked: bool) -> SupplierBody:
    """A supplier with exactly our details."""
    account = supplier.bank_account
    accounts = () if account is None else (_account(account),)
    return SupplierBody(
        name=supplier.name,
        tax_id=supplier.tax_id,
        street=supplier.address.street,
        postal_code=supplier.address.postal_code,
        town=supplier.address.town,
        country=supplier.address.country,
        email=supplier.email,
        payment_terms_days=supplier.payment_terms_days,
        bank_accounts=accounts,
        blocked=blocked,
    )


def _account(account: documents.BankAccount) -> Account:
    return Account(iban=account.iban, holder=account.holder, bic=account.bic, currency=account.currency)


def body_held(held: HeldSupplier) -> SupplierBody:
    """A supplier without what the platform added to it."""
    return SupplierBody(**{name: getattr(held, name) for name in SupplierBody.__struct_fields__})


def submission(payload: effects.SubmitInvoice) -> Submission:
    """An invoice for the platform, under our id. The original stays with us."""
    invoice = payload.invoice
    return Submission(
        reference=payload.invoice_id,
        entity=invoice.entity,
        document_type="CREDIT_NOTE" if invoice.kind is InvoiceKind.CREDIT_NOTE else "INVOICE",
        invoice_number=invoice.number,
        supplier=Party(name=invoice.supplier_name, tax_id=invoice.supplier_tax_id),
        invoice_date=invoice.issued_on.isoformat(),
        due_date=invoice.due_on.isoformat(),
        lines=tuple(_wire_line(line) for line in invoice.lines),
        net=_wire(invoice.net),
        tax=_wire(invoice.tax),
        gross=_wire(invoice.gross),
        credited_invoice_number=invoice.credits_number,
    )


def _wire_line(line: InvoiceLine) -> Line:
    return Line(
        line_number=line.line_id,
        quantity=f"{line.quantity:f}",
        unit=line.unit,
        unit_price=f"{line.unit_price:f}",
        net=_wire(line.net),
        description=line.description,
        tax_rate=f"{line.tax_rate:f}",
        po_number=line.order_id,
        po_line=line.order_line_id,
    )


def _wire(money: Money) -> Amount:
    return Amount(amount=f"{money.amount:f}", currency=money.currency)


def match_report(payload: effects.SubmitInvoice, key: str) -> MatchReport:
    """The verdict. What names no order was not matched, so no rule of the platform may approve it: people do."""
    verdict = payload.verdict
    return MatchReport(
        report_id=key,
        verdict="matched" if verdict.matched else "discrepant",
        reference=payload.invoice_id,
        discrepancies=_discrepancies(verdict),
        policy=verdict.policy,
    )


def _discrepancies(verdict: Verdict) -> tuple[Discrepancy, ...]:
    if not verdict.matched and not verdict.problems:
        return (Discrepancy(code="no_order", text="The invoice names no order; there was nothing to match it with."),)
    return tuple(_discrepancy(problem) for problem in verdict.problems)


def _discrepancy(problem: Problem) -> Discrepancy:
    return Discrepancy(
        code=problem.code.value,
        where=problem.where,
        expected=problem.expected,
        actual=problem.actual,
        text=problem.detail,
    )


def posting_report(payload: effects.ReportPosting, key: str) -> PostingReport:
    """What the ERP holds."""
    posting = payload.posting
    return PostingReport(
        report_id=key,
        status="posted",
        document_number=posting.number,
        posting_date=posting.posted_on.isoformat(),
        period=posting.period,
        gross=_wire(posting.gross),
    )


def payment_report(payload: effects.ReportPayment, key: str) -> PaymentReport | None:
    """Booked or returned; ``None`` for what the platform has no word for."""
    if payload.status not in _PAYMENT_STATUS:
        return None
    return PaymentReport(
        report_id=key,
        status=_PAYMENT_STATUS[payload.status],
        payment_reference=payload.payment_id,
        paid_on=payload.on.isoformat() if payload.status == "booked" else "",
        as_of=payload.on.isoformat(),
    )


def is_settled(held: PaymentReport | None, ours: PaymentReport) -> bool:
    """Whether the platform holds our report, or newer tidings that have overtaken it."""
    return held is not None and (held == ours or held.as_of > ours.as_of)
