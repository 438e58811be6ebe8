"""What an 810 adds to its lines and takes off: allowances and charges (``SAC``), and taxes (``TXI``, or ``SAC`` again).

Senders state them on the lines, at the end, or on both, where the end repeats the lines (Ariba and its followers).
``TDS01`` is the arbiter: what is counted is what leads to it, and it is told when something stated was not counted.
"""

from collections.abc import Iterable

from msgspec import Struct

from tieout.formats.segments import Segment
from tieout.formats.x12.message import Message, value
from tieout.formats.x12.tree import Node
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code

ALLOWANCE, CHARGE = "A", "C"
#: ``SAC02`` codes (element 1300) of taxes: goods and services tax, and the block of taxes that ends with "tax" itself.
_GST, _TAX_FROM, _TAX_TO = "D360", "H625", "H850"
#: A discount for prompt payment: some state it among the allowances, though ``TDS01`` is before it (X12: ``TDS03``).
_TERMS_DISCOUNT = "C310"
#: ``TXI07``: the tax is only told, not added.
_INFORMATION = "O"


class Extra(Struct, frozen=True):
    """An allowance (negative) or charge."""

    code: str
    amount: Money
    text: str


class Extras(Struct, frozen=True):
    """What one level (a line, or the end of the invoice) adds and takes off."""

    charges: tuple[Extra, ...]
    tax: Money
    rate_texts: tuple[str, ...]


class Reading(Struct, frozen=True):
    """One way to understand which extras count: those of lines, those of the end, the discount for prompt payment."""

    on_lines: bool
    at_end: bool
    discount: bool
    why: str = ""


#: In order of preference; the first reading that leads to ``TDS01`` is taken.
READINGS = (
    Reading(True, True, True),
    Reading(True, False, True, "what the end states repeats the lines"),
    Reading(False, True, True, "what the lines state is repeated at the end"),
    Reading(True, True, False, "the discount for prompt payment is not in the total"),
    Reading(True, False, False, "the end repeats the lines, and the discount for prompt payment is not in the total"),
    Reading(False, True, False, "the end repeats the lines, and the discount for prompt payment is not in the total"),
)


def extras(message: Message, node: Node, currency: str) -> Extras:
    """All ``SAC`` and ``TXI`` of one level."""
    charges: list[Extra] = []
    sac_tax: list[Money] = []
    txi = [inner.segment for inner in node.under("TXI")]
    for inner in node.under("SAC"):
        segment = inner.segment
        txi += [tax.segment for tax in inner.under("TXI")]
        kind, code = value(segment, 1), value(segment, 2)
        if kind not in (ALLOWANCE, CHARGE):
            continue
        amount = message.cents(segment, 5, currency)
        if amount is None:
            continue
        signed = -amount if kind == ALLOWANCE else amount
        if code == _GST or _TAX_FROM <= code <= _TAX_TO:
            sac_tax.append(signed)
        elif amount:
            charges.append(Extra(code, signed, message.text(segment, 15)))
    counted = [segment for segment in txi if value(segment, 7) != _INFORMATION]
    amounts = [amount for segment in counted if (amount := message.optional_money(segment, 2, currency)) is not None]
    _only_rates(message, counted)
    tax, other = total(amounts, currency), total(sac_tax, currency)
    # A SAC of a tax and the TXI beside it are one and the same tax, said twice.
    summed = tax if tax == other or not other else other if not tax else tax + other
    return Extras(tuple(charges), summed, tuple(rate for segment in counted if (rate := value(segment, 3))))


def _only_rates(message: Message, taxes: Iterable[Segment]) -> None:
    for segment in taxes:
        if not value(segment, 2) and value(segment, 3).strip("0."):
            detail = "a tax with a rate and no amount; nothing is added for it"
            message.findings.note(Code.UNSUPPORTED_CONTENT, message.where(segment), detail=detail)


def is_counted(extra: Extra, reading: Reading) -> bool:
    """Whether this reading has the allowance or charge in the total."""
    return reading.discount or not (extra.code == _TERMS_DISCOUNT and extra.amount.minor < 0)


def tax_of(lines: Iterable[Extras], end: Extras, currency: str) -> Money:
    """The tax of the invoice. Where the end repeats the sum of the lines, it is the same tax."""
    on_lines = total((line.tax for line in lines), currency)
    return end.tax if end.tax == on_lines or not on_lines else on_lines + end.tax
