"""One message of an interchange while it is being read: its segments as a tree, and its values through the strict
parsers. What is wrong with it is told to findings of its own, so that it can be refused by itself."""

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, Inexact
from decimal import Context as DecimalContext
from functools import reduce

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.codes import CodeList, load
from tieout.formats.edifact.syntax import PICTURES, Opening, day_of, plain_number
from tieout.formats.edifact.tree import Node, qualifier
from tieout.formats.exchange_rate import Conversion, Quote, conversion, own_currency
from tieout.formats.interchanges import Names
from tieout.formats.price_unit import for_units
from tieout.formats.reading import Findings
from tieout.formats.segments import Segment
from tieout.kernel.money import EXACT, Money, is_currency
from tieout.kernel.problem import Code
from tieout.kernel.text import DIGITS_MAX

UNITS = load("edifact_units")
#: Price qualifiers (5125), the best first: net, invoice, calculation, contract, and gross before allowances.
_PRICES = ("AAA", "INV", "CAL", "CON", "AAE", "AAB")
#: Prices without end are kept to so many decimals.
_PRICE_DIGITS = Decimal("1e-10")


class Header(Struct, frozen=True):
    """What the envelope says about a message: ``UNH``, and who sent the interchange to whom."""

    kind: str
    version: str
    reference: str
    sender: str
    receiver: str
    mark: str


def part(segment: Segment | None, element: int, component: int = 1) -> str:
    """One component of one element; empty when anything of it is absent."""
    if segment is None:
        return ""
    found = segment.parts(element)
    return found[component - 1].strip() if component <= len(found) else ""


def where(segment: Segment, first: Segment, header: Header) -> str:
    """The place of a segment: its first byte, and its number within the message (``UNH`` is 1)."""
    number = segment.number - first.number + 1
    return f"byte {segment.offset}: {header.kind} {header.reference}, {segment.tag} (segment {number})"


class Message:
    """A message being read. ``root`` is its header group."""

    def __init__(self, header: Header, root: Node, opening: Opening, names: Names, findings: Findings) -> None:
        self.header = header
        self.root = root
        self.opening = opening
        self.names = names
        self.findings = findings
        self._told: set[tuple[str, str]] = set()

    def where(self, segment: Segment) -> str:
        """The place of a segment: its number within the message (``UNH`` is 1) and its first byte."""
        return where(segment, self.root.segment, self.header)

    # ── values ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def text(self, segment: Segment | None, element: int, component: int = 1) -> str:
        """A text that may be missing."""
        text = part(segment, element, component)
        return fields.read_optional(text, self.where(segment), self.findings) if segment and text else ""

    def must(self, segment: Segment | None, element: int, expected: str) -> str:
        """A text that must be there; said of the message when its whole segment is missing."""
        found = self.text(segment, element, 1)
        if not found:
            self.findings.fault(Code.MISSING_FIELD, self.where(segment or self.root.segment), expected=expected)
        return found

    def number(self, segment: Segment, element: int, component: int = 1) -> Decimal | None:
        """A number that must be there, with a comma or a point."""
        text = part(segment, element, component)
        plain = plain_number(text, self.opening.syntax, both_marks=self.opening.both_marks)
        return fields.read_decimal(plain, self.where(segment), self.findings)

    def money(self, segment: Segment, currency: str) -> Money | None:
        """The amount of a ``MOA``."""
        plain = plain_number(part(segment, 1, 2), self.opening.syntax, both_marks=self.opening.both_marks)
        return fields.read_money(plain, currency, self.where(segment), self.findings)

    def amount(self, node: Node, currency: str, *qualifiers: str) -> Money | None:
        """The first amount of a group with one of these qualifiers, in their order, if there is one. The same amount
        may be repeated in another currency; one that is *only* in another must not be added to the document's sums."""
        for one in qualifiers:
            found = list(node.every("MOA", one))
            own = [segment for segment in found if part(segment, 1, 3) in ("", currency)]
            if own:
                return self.money(own[0], currency)
            if found:
                actual = part(found[0], 1, 3)
                self.findings.fault(Code.CURRENCY_MISMATCH, self.where(found[0]), expected=currency, actual=actual)
                return None
        return None

    def day(self, segment: Segment | None) -> date | None:
        """The day of a ``DTM``. A time behind a date of format 102 is passed over, since senders do it."""
        if segment is None:
            return None
        text, code = part(segment, 1, 2), part(segment, 1, 3) or "102"
        picture = PICTURES.meaning(code)
        found = day_of(text, picture) if picture else None
        if found is None and code == "102" and len(text) in (12, 14) and text.isdecimal():
            found = day_of(text[:8], picture)
            detail = "a time in a date of format 102"
            self.findings.note(Code.BAD_VALUE, self.where(segment), actual=text, detail=detail)
        if found is None:
            expected = f"a day written {picture}" if picture else "a date format (2379) that names a day, such as 102"
            self.findings.fault(Code.BAD_VALUE, self.where(segment), expected=expected, actual=f"{text} ({code})")
        return found

    def day_in(self, node: Node, *qualifiers: str) -> date | None:
        """The first day of a group with one of these qualifiers, in their order, if there is one."""
        return self.day(node.first("DTM", *qualifiers))

    def required_day(self, expected: str, *qualifiers: str) -> date | None:
        """A day of the header that must be there."""
        found = self.root.first("DTM", *qualifiers)
        if found is None:
            self.findings.fault(Code.MISSING_FIELD, self.where(self.root.segment), expected=expected)
        return self.day(found)

    def reference(self, node: Node, *qualifiers: str) -> str:
        """The first reference of a group with one of these qualifiers, in their order, if there is one."""
        groups = (group for one in qualifiers for group in node.under("RFF", one))
        own = (segment for one in qualifiers for segment in node.every("RFF", one))
        for segment in (*(group.segment for group in groups), *own):
            if text := self.text(segment, 1, 2):
                return text
        return ""

    # ── things that many messages say ──────────────────────────────────────────────────────────────────────────────

    def number_of_document(self) -> str:
        """The number of the document (``BGM``, data element 1004)."""
        return self.must(self.root.first("BGM"), 2, "the number of the document (BGM, 1004)")

    def currency(self, *usages: str) -> str:
        """The currency of the document: the reference currency (6347 = 2), else the one that the amounts name."""
        found = [group.segment for group in self.root.under("CUX")]
        found.sort(key=lambda segment: (qualifier(segment) != "2", part(segment, 1, 3) not in (*usages, "")))
        named = part(found[0], 1, 2) if found else next(self._currencies_of_amounts(self.root), "")
        if named and not is_currency(named):
            where_ = self.where(found[0] if found else self.root.segment)
            self.findings.fault(Code.BAD_VALUE, where_, expected="an ISO 4217 currency code such as EUR", actual=named)
            return ""
        return named

    def _currencies_of_amounts(self, node: Node) -> Iterator[str]:
        for segment in (node.segment, *node.segments):
            if segment.tag == "MOA" and part(segment, 1, 3):
                yield part(segment, 1, 3)
        for group in node.groups:
            yield from self._currencies_of_amounts(group)

    def currency_or_ours(self, entity: str, *usages: str) -> str:
        """The currency of the document, or that of our entity where it names none."""
        if named := self.currency(*usages):
            return named
        if ours := own_currency(self.names.currencies, entity):
            self.findings.assume("the currency (CUX)", f"{ours}, which is ours", self.where(self.root.segment))
        return ours

    def conversion(self, currency: str, entity: str) -> Conversion:
        """The rate into our own currency (``CUX``): an amount in the reference currency times the rate (5402) is that
        in the target currency (EANCOM, INVOIC and ORDERS); each may be counted in units of its own (6348)."""
        stated = (group.segment for group in self.root.under("CUX"))
        return conversion(
            (self._quote(segment) for segment in stated if part(segment, 3)),
            currency,
            own_currency(self.names.currencies, entity),
            self.findings,
        )

    def _quote(self, segment: Segment) -> Quote:
        syntax, both = self.opening.syntax, self.opening.both_marks
        rate, source_units, target_units = (
            plain_number(text, syntax, both_marks=both)
            for text in (part(segment, 3), part(segment, 1, 4), part(segment, 2, 4))
        )
        return Quote(
            source=part(segment, 1, 2),
            target=part(segment, 2, 2),
            rate=rate,
            source_units=source_units,
            target_units=target_units,
            where=self.where(segment),
        )

    def unit(self, code: str, segment: Segment) -> str:
        """A unit of measure (UN/ECE recommendation 20), told once when it is none that we know."""
        return self.known(code, UNITS, segment, "unit (6411)")

    def known(self, code: str, codes: CodeList, segment: Segment, what: str) -> str:
        """A code that passes through, told once per message when it is not on its list."""
        if code and code not in codes and (what, code) not in self._told:
            self._told.add((what, code))
            self.findings.note(Code.UNKNOWN_CODE, self.where(segment), actual=code, detail=what)
        return code

    def price(self, node: Node) -> tuple[Decimal, Segment, Decimal] | None:
        """The price, where it stands, and the units it is for: net (``AAA``) before the others, by its basis (5284); of
        one unit, where that has an end."""
        groups = {qualifier(group.segment): group.segment for group in reversed(list(node.under("PRI")))}
        segment = next((groups[one] for one in _PRICES if one in groups), None)
        if segment is None:
            return None
        price = self.number(segment, 1, 2)
        if price is None or not part(segment, 1, 5):
            return None if price is None else (price, segment, Decimal(1))
        basis = self.number(segment, 1, 5)
        if basis is None:
            return None
        if basis <= 0:
            self.findings.fault(Code.BAD_VALUE, self.where(segment), expected="more than zero", actual=str(basis))
            return None
        unit_price, units = for_units(price, basis)
        found = self.fitting(unit_price, segment)
        return None if found is None else (found, segment, units)

    def fitting(self, value: Decimal, segment: Segment) -> Decimal | None:
        """A computed number, if it is one that a document can hold."""
        is_finite, digits = value.is_finite(), len(value.as_tuple().digits)
        if is_finite and digits <= DIGITS_MAX and -DIGITS_MAX <= value.adjusted() < DIGITS_MAX:
            return value
        self.findings.fault(Code.BAD_VALUE, self.where(segment), limit=f"{DIGITS_MAX} digits", actual=str(value))
        return None

    def per_unit(self, amount: Decimal, quantity: Decimal, segment: Segment) -> Decimal | None:
        """An amount by a quantity; a quotient without end is kept to ten decimals, and told."""
        context = DecimalContext(prec=60, traps=[])
        quotient = context.divide(amount, quantity)
        if context.flags[Inexact] or len(quotient.as_tuple().digits) > DIGITS_MAX:
            quotient = quotient.quantize(_PRICE_DIGITS, ROUND_HALF_UP, context=context)
            detail = "the price per unit has no end; it is kept to ten decimals"
            actual = f"{amount} / {quantity}"
            self.findings.note(Code.ASSUMED_VALUE, self.where(segment), actual=actual, detail=detail)
        found = self.fitting(quotient, segment)
        return None if found is None else fields.plain(found)

    def prove_counts(self, summary: Node, lines: int, sublines: int, quantities: tuple[Decimal, ...]) -> None:
        """The control totals (``CNT``): 1 the sum of quantities, 2 the number of lines."""
        for segment in summary.every("CNT"):
            code, declared = qualifier(segment), self.number(segment, 1, 2)
            if declared is None:
                continue
            if code == "2":
                computed = sublines + lines if declared == sublines + lines else lines
                self.claim("CNT 2: number of lines", segment, str(declared), str(computed), declared == computed)
            elif code == "1" and quantities:
                summed = reduce(EXACT.add, quantities)
                self.claim("CNT 1: sum of quantities", segment, str(declared), str(summed), declared == summed)

    def claim(self, name: str, segment: Segment, declared: str, computed: str, holds: bool) -> None:
        """Compare what the message declares with what we computed from its parts."""
        self.findings.claim(name, self.where(segment), declared, computed, holds)
