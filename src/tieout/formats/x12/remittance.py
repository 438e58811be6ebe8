"""820, which invoices a payment settles. ``BPR02`` is the amount, and what is settled sums to it."""

from collections.abc import Iterator, Sequence

from tieout.formats.segments import Segment
from tieout.formats.x12.message import Message, value
from tieout.formats.x12.tree import Node
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code
from tieout.model.documents import RemittanceAdvice, RemittanceLine

_PAYER, _PAYEE = ("PR", "BY", "BT"), ("PE", "SE", "VN", "RE", "SU")
_DEBIT = "D"
#: Days of an invoice (element 374): invoice, document, effective.
_INVOICE_DAYS = ("003", "097", "007")


def read_remittance(message: Message) -> Iterator[RemittanceAdvice]:
    """Read one 820."""
    bpr, trn = message.begin("BPR"), message.root.find("TRN")
    currency = message.currency(message.entity(()) if any(message.root.under("N1", "BY", "BT")) else "")
    paid = message.money(bpr, 2, currency)
    if value(bpr, 3) == _DEBIT:
        detail = "the payee takes the money (a debit); nothing is paid to it"
        message.findings.note(Code.UNSUPPORTED_CONTENT, message.where(bpr, 3), detail=detail)
    for node in (node for tag in ("TXP", "LX") for node in message.root.under(tag)):
        message.not_taken_over(node.segment, "payments of taxes and lists of payments are not taken over")
    nodes = [node for node in message.root.walk() if node.segment.tag == "RMR"]
    settled = [line for node in nodes if (line := _line(message, node, currency)) is not None]
    apart, within = _adjustments(message, currency)
    if paid is None or not message.findings.complete:
        return
    lines = _chosen(message, paid, (settled, apart, within))
    summed = total((line.paid for line in lines), currency)
    if lines:
        message.findings.claim("BPR02: what is settled", message.where(bpr, 2), str(paid), str(summed), paid == summed)
    reference = message.text(trn, 2)
    yield RemittanceAdvice(
        advice_id=message.reference(message.root, "RA") or reference or message.header.control,
        payer=_party(message, *_PAYER) or message.header.sender,
        payee=_party(message, *_PAYEE) or message.header.receiver,
        paid_on=message.day(bpr, 16),
        amount=paid,
        reference=reference or message.reference(message.root, "CK", "EF"),
        lines=tuple(lines),
    )


def _party(message: Message, *qualifiers: str) -> str:
    """A party by its name, or by its number."""
    segment = message.root.find("N1", *qualifiers)
    return message.text(segment, 2) or message.text(segment, 4)


def _line(message: Message, node: Node, currency: str) -> RemittanceLine | None:
    """``RMR``: 04 is what is paid, 05 the amount of the invoice, 06 the discount that was taken."""
    rmr = node.segment
    paid, gross, discount = (message.optional_money(rmr, index, currency) for index in (4, 5, 6))
    number = message.must(rmr, 2, "the number of the document")
    if paid is None:
        if gross is None:
            message.findings.fault(Code.MISSING_FIELD, message.where(rmr, 4), expected="an amount")
            return None
        paid = gross - (discount or Money.zero(currency))
        message.findings.assume("the amount paid (RMR04)", "amount less discount", message.where(rmr, 4))
    deducted = gross - paid if gross is not None and gross != paid else discount
    return RemittanceLine(
        number=number, paid=paid, gross=gross, deducted=deducted, issued_on=message.dated(node, *_INVOICE_DAYS)
    )


def _adjustments(message: Message, currency: str) -> tuple[list[RemittanceLine], list[RemittanceLine]]:
    """``ADX``: adjustments by themselves, and those that stand under a document."""
    apart: list[RemittanceLine] = []
    within: list[RemittanceLine] = []
    for parent in message.root.walk():
        for node in parent.under("ADX"):
            line = _adjustment(message, node.segment, currency)
            if line is not None:
                (within if parent.segment.tag == "RMR" else apart).append(line)
    return apart, within


def _adjustment(message: Message, adx: Segment, currency: str) -> RemittanceLine | None:
    amount = message.money(adx, 1, currency)
    number = message.text(adx, 4) or f"adjustment {value(adx, 2)}"
    return None if amount is None else RemittanceLine(number=number, paid=amount)


def _chosen(message: Message, paid: Money, lines: tuple[Sequence[RemittanceLine], ...]) -> list[RemittanceLine]:
    """An adjustment under a document mostly explains why less of it is paid (``RMR04`` has it in it); with some senders
    it comes on top. The amount of the payment says which."""
    settled, apart, within = lines
    explained, added = [*settled, *apart], [*settled, *apart, *within]
    if within and _sum(explained, paid) != paid and _sum(added, paid) == paid:
        detail = "adjustments under documents are lines of their own, or they would not sum to the payment"
        message.findings.note(Code.UNSUPPORTED_CONTENT, message.where(message.begin("BPR"), 2), detail=detail)
        return added
    return explained


def _sum(lines: Sequence[RemittanceLine], paid: Money) -> Money:
    return total((line.paid for line in lines), paid.currency)
