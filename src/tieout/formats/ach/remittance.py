"""What a payment tells the payee about the invoices it settles, in the addenda of a corporate entry.

``CCD`` has one addendum: one invoice as an X12 ``RMR`` segment, else words. ``CTX`` has up to 9,999: the transaction
set 820 of all invoices, cut into pieces of 80 characters. By the rules ``*`` stands between elements and ``\\`` after
segments.
"""

from collections.abc import Iterator

from tieout.formats.iso20022.charset import latin
from tieout.kernel.money import Money
from tieout.model.documents import Payment, RemittanceLine

#: How much one addendum holds.
PIECE = 80


def one_addendum(payment: Payment) -> tuple[str, ...]:
    """What fits in a single addendum; nothing where there is nothing to say."""
    if len(payment.invoices) == 1:
        segment = _settled(payment.invoices[0])
        if len(segment) <= PIECE:
            return (segment,)
    text = latin(payment.remittance, PIECE)
    return (text,) if text else ()


def many_addenda(payment: Payment, payer: str, reference: str) -> tuple[str, ...]:
    """All that there is to say, in pieces."""
    if payment.invoices:
        text = "".join(_transaction_set(payment, payer, reference))
    else:
        text = latin(payment.remittance, 1_000)
    return tuple(text[start : start + PIECE] for start in range(0, len(text), PIECE))


def _transaction_set(payment: Payment, payer: str, reference: str) -> Iterator[str]:
    """X12 820, as far as the payee needs it: how much, under which reference, from whom to whom, for which invoices."""
    segments = [
        _segment("ST", "820", "0001"),
        _segment("BPR", "C", _plain(payment.amount), "C", "ACH", "CTX"),
        _segment("TRN", "1", reference),
        _segment("N1", "PR", _clean(payer, 60)),
        _segment("N1", "PE", _clean(payment.creditor.holder, 60)),
        _segment("ENT", "1"),
    ]
    for line in payment.invoices:
        segments.append(_settled(line))
        if line.issued_on:
            segments.append(_segment("DTM", "003", line.issued_on.strftime("%Y%m%d")))
    yield from segments
    yield _segment("SE", str(len(segments) + 1), "0001")


def _settled(line: RemittanceLine) -> str:
    """``RMR``: one invoice (``IV``) with what is paid of it, its total and what was deducted."""
    amounts = (line.paid, line.gross, line.deducted)
    return _segment("RMR", "IV", _clean(line.number, 30), "", *(_plain(amount) if amount else "" for amount in amounts))


def _segment(*elements: str) -> str:
    return "*".join(elements).rstrip("*") + "\\"


def _clean(text: str, length_max: int) -> str:
    """A value without the signs that separate values."""
    return latin(text, length_max).replace("*", " ").replace("\\", " ")


def _plain(amount: Money) -> str:
    return f"{amount.amount:f}"
