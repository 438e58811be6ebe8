"""One transaction set while it is being read: its segments as a tree, its values through the strict parsers, and the
parties by the names we know them by. What is wrong with it is told to findings of its own, so that it can be refused by
itself."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import reduce

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.codes import CodeList, load
from tieout.formats.exchange_rate import Conversion, Quote, conversion, own_currency
from tieout.formats.interchanges import Names
from tieout.formats.reading import Findings
from tieout.formats.segments import Segment
from tieout.formats.x12.syntax import day_of
from tieout.formats.x12.tree import Node
from tieout.kernel.money import EXACT, Money, is_currency
from tieout.kernel.problem import Code
from tieout.kernel.text import parse_decimal
from tieout.model.identity import normal_tax_id, supplier_id_of

UNITS = load("x12_units")
#: What a document without a currency is in, when nobody says otherwise.
DEFAULT_CURRENCY = "USD"
#: Parties (element 98) in which a supplier may stand, the best first: seller, supplier, vendor, issuer of the invoice,
#: message from, ship-from; and those that are often a bank: remit-to, receiver of the payment.
SUPPLIER = ("SE", "SU", "VN", "II", "FR", "SF")
REMIT_TO = ("RE", "RI")
#: The same for the buyer: buyer, bill-to, bill-and-ship-to, sold-to.
BUYER = ("BY", "BT", "BS", "SO")
#: Identification code qualifiers (element 66) that name a company to the tax office: employer's and federal tax number.
_TAX_QUALIFIERS = ("24", "FI")
#: References (element 128) that do: federal taxpayer, employer, VAT, GST.
_TAX_REFERENCES = ("TJ", "EI", "VX", "GT")
#: The longest tag of a segment; a longer one is none, and not repeated.
_TAG_MAX = 3
_DUNS_PLUS_4 = "9"
_DUNS_LENGTH = 9


class Header(Struct, frozen=True):
    """What the envelope says about a set: its ``ST``, and who sent it to whom, the interchange's names first."""

    kind: str
    control: str
    group: str
    version: str
    senders: tuple[str, ...]
    receivers: tuple[str, ...]
    mark: str

    @property
    def sender(self) -> str:
        """The interchange id of the sender."""
        return next(iter(self.senders), "")

    @property
    def receiver(self) -> str:
        """The interchange id of the receiver."""
        return next(iter(self.receivers), "")


class Seller(Struct, frozen=True):
    """A supplier as a set names it."""

    supplier_id: str
    tax_id: str
    name: str


def value(segment: Segment | None, index: int) -> str:
    """A simple element without blanks; component separators at its end are no data (X12.6 has them left out)."""
    if segment is None:
        return ""
    text, component = segment.get(index), segment.syntax.component
    return text.rstrip(component).strip() if component and component in text else text.strip()


def place(segment: Segment, first: Segment, header: Header, index: int = 0) -> str:
    """The place of a segment or element: its number within the set (``ST`` is 1) and its first byte."""
    tag = segment.tag if 0 < len(segment.tag) <= _TAG_MAX else "segment"
    name = f"{tag}{index:02}" if index else tag
    number = segment.number - first.number + 1
    return f"{header.kind} {header.control}, {name} (segment {number}), byte {segment.offset}"


def pairs(segment: Segment, start: int) -> dict[str, str]:
    """Qualifier and value pairs from an element on, such as the product numbers of ``IT106`` and ``IT107``."""
    found: dict[str, str] = {}
    for index in range(start, len(segment.elements), 2):
        found.setdefault(value(segment, index), value(segment, index + 1))
    return found


def is_count(text: str, count: int) -> bool:
    """Whether a text is this number, however many zeros stand before it."""
    return text.isascii() and text.isdigit() and (text.lstrip("0") or "0") == str(count)


class Message:
    """A set being read. ``root`` is its ``ST``."""

    def __init__(self, header: Header, root: Node, names: Names, findings: Findings) -> None:
        self.header = header
        self.root = root
        self.names = names
        self.findings = findings

    def where(self, segment: Segment | None, index: int = 0) -> str:
        """The place of a segment or of one of its elements."""
        return place(segment or self.root.segment, self.root.segment, self.header, index if segment else 0)

    # ── values ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, tag: str) -> Segment:
        """The beginning segment; that it is there was seen before."""
        found = self.root.find(tag)
        assert found is not None
        return found

    def text(self, segment: Segment | None, index: int) -> str:
        """A text that may be missing."""
        line = fields.one_line(value(segment, index))
        if len(line) <= fields.TEXT_MAX:
            return line
        return fields.read_optional(line, self.where(segment, index), self.findings)

    def must(self, segment: Segment | None, index: int, expected: str = "a text") -> str:
        """A text that must be there."""
        found = self.text(segment, index)
        if not found:
            self.findings.fault(Code.MISSING_FIELD, self.where(segment, index), expected=expected)
        return found

    def day(self, segment: Segment | None, index: int) -> date | None:
        """A day that may be missing; a wrong one refuses the set."""
        text = value(segment, index)
        found = day_of(text)
        if text and found is None:
            expected = "a day such as 20260531"
            self.findings.fault(Code.BAD_VALUE, self.where(segment, index), expected=expected, actual=text)
        return found

    def must_day(self, segment: Segment, index: int) -> date | None:
        """A day that must be there."""
        if not value(segment, index):
            self.findings.fault(Code.MISSING_FIELD, self.where(segment, index), expected="a day such as 20260531")
        return self.day(segment, index)

    def number(self, segment: Segment, index: int) -> Decimal | None:
        """A decimal number (type R) that must be there."""
        text = value(segment, index)
        found = parse_decimal(text)
        return fields.read_decimal(text, self.where(segment, index), self.findings) if found is None else found

    def optional_number(self, segment: Segment, index: int) -> Decimal | None:
        """A decimal number that may be missing."""
        return self.number(segment, index) if value(segment, index) else None

    def money(self, segment: Segment, index: int, currency: str) -> Money | None:
        """An amount with its decimal point (type R)."""
        return fields.read_money(value(segment, index), currency, self.where(segment, index), self.findings)

    def optional_money(self, segment: Segment, index: int, currency: str) -> Money | None:
        """An amount that may be missing."""
        return self.money(segment, index, currency) if value(segment, index) else None

    def cents(self, segment: Segment, index: int, currency: str) -> Money | None:
        """An amount of type N2: an integer with two implied decimals, whatever the currency."""
        text, where = value(segment, index), self.where(segment, index)
        number = parse_decimal(text) if text and "." not in text else None
        if number is None:
            code = Code.BAD_VALUE if text else Code.MISSING_FIELD
            expected = "an integer with two implied decimals, such as 1234 for 12.34"
            self.findings.fault(code, where, expected=expected, actual=text)
            return None
        return fields.read_money(str(number.scaleb(-2, EXACT)), currency, where, self.findings)

    def unit(self, segment: Segment, index: int) -> str:
        """A unit of measure (element 355, or the first component of C001) by its recommendation 20 code."""
        text = next(iter(segment.parts(index)), "").strip()
        if text and text not in UNITS:
            self.findings.note(Code.UNKNOWN_CODE, self.where(segment, index), actual=text, detail="a unit of measure")
        return UNITS.meaning(text) or fields.one_line(text)

    def coded(self, segment: Segment, index: int, codes: CodeList, otherwise: str) -> str:
        """What a code means to us; an unknown one is told, and taken as something harmless."""
        code = value(segment, index)
        if code and code not in codes:
            self.findings.note(Code.UNKNOWN_CODE, self.where(segment, index), actual=code, detail=f"as {otherwise}")
        return codes.meaning(code) or otherwise

    def not_taken_over(self, segment: Segment, detail: str) -> None:
        """Something that matters and has no place in our record."""
        self.findings.note(Code.UNSUPPORTED_CONTENT, self.where(segment), detail=detail)

    def reference(self, node: Node, *qualifiers: str) -> str:
        """The first reference (``REF02``) with one of these qualifiers."""
        return self.text(node.find("REF", *qualifiers), 2)

    def dated(self, node: Node, *qualifiers: str) -> date | None:
        """The first day (``DTM02``) with one of these qualifiers."""
        return self.day(node.find("DTM", *qualifiers), 2)

    # ── currency and parties ───────────────────────────────────────────────────────────────────────────────────────

    def currency(self, entity: str) -> str:
        """``CUR02``, or the currency of the entity, or US dollars."""
        found = [node.segment for node in self.root.walk() if node.segment.tag == "CUR" and value(node.segment, 2)]
        codes = {value(segment, 2) for segment in found}
        if len(codes) > 1:
            actual = " ".join(sorted(codes))
            self.findings.fault(Code.CURRENCY_MISMATCH, self.where(found[1], 2), expected="one", actual=actual)
        if found:
            code = value(found[0], 2)
            if is_currency(code):
                return code
            self.findings.fault(Code.BAD_VALUE, self.where(found[0], 2), expected="an ISO 4217 code", actual=code)
        known = self.names.currencies.get(entity, "")
        if not found:
            self.findings.assume("the currency (CUR)", known or DEFAULT_CURRENCY, self.where(None))
        return known or DEFAULT_CURRENCY

    def conversion(self, currency: str, entity: str) -> Conversion:
        """The rate into our own currency (``CUR03``, element 280): an amount in ``CUR02`` times the rate is that in
        ``CUR05``. Without ``CUR05`` it is taken to be ours, and told."""
        own = own_currency(self.names.currencies, entity)
        stated = [node.segment for node in self.root.under("CUR") if value(node.segment, 3)]
        return conversion((self._quote(segment, own) for segment in stated), currency, own, self.findings)

    def _quote(self, segment: Segment, own: str) -> Quote:
        source, target = value(segment, 2), value(segment, 5)
        if not target and own not in ("", source):
            self.findings.assume("the currency of the exchange rate (CUR05)", own, self.where(segment, 3))
        return Quote(source=source, target=target or own, rate=value(segment, 3), where=self.where(segment, 3))

    def entity(self, partners: Iterable[str]) -> str:
        """Which of our legal entities is the buyer. ``partners``: names of the side of the interchange it is on."""
        nodes = self._parties(*BUYER)
        seen = [*(text for node in nodes for _, text in self._identifiers(node)), *partners]
        for text in seen:
            if entity := self.names.entities.get(normal_tax_id(text)):
                return entity
        where = self.where(nodes[0].segment if nodes else None)
        self.findings.note(Code.UNKNOWN_ENTITY, where, expected="a buyer that is one of us", actual=", ".join(seen))
        return ""

    def supplier(self, partners: tuple[str, ...]) -> Seller | None:
        """The supplier, by its tax registration or the next best name it goes by. ``partners``: names of the side of
        the interchange it is on."""
        nodes = self._parties(*SUPPLIER, *REMIT_TO)
        name = next((text for node in nodes if (text := self.text(node.segment, 2))), "")
        named = [found for node in nodes for found in self._identifiers(node)]
        where = self.where(nodes[0].segment if nodes else None)
        for tax_id in (text for is_tax, text in named if is_tax):
            return Seller(supplier_id_of(tax_id), tax_id, name)
        for text in (*(text for _, text in named), *partners):
            if tax_id := self.names.suppliers.get(normal_tax_id(text), ""):
                return Seller(supplier_id_of(tax_id), tax_id, name)
        strangers = [text for text in partners if normal_tax_id(text) not in self.names.entities]
        for text in (*(text for _, text in named), *strangers):
            what = "its identifier (N104)" if named else "the name of the partner (ISA)"
            self.findings.assume("the supplier's tax registration", what, where)
            return Seller(supplier_id_of(text), text, name)
        expected = "the supplier's tax registration or another identifier (N1*SE)"
        self.findings.fault(Code.MISSING_FIELD, where, expected=expected)
        return None

    def _parties(self, *codes: str) -> list[Node]:
        """``N1`` of the whole set, or of the levels of an 856, in the order of their codes."""
        levels = (self.root, *self.root.under("HL"))
        return [node for one in codes for level in levels for node in level.under("N1", one)]

    def _identifiers(self, node: Node) -> Iterator[tuple[bool, str]]:
        """What may identify a party, tax registrations (``True``) first: ``REF``, ``N104``, the DUNS in a DUNS+4."""
        qualifier, text = value(node.segment, 3), self.text(node.segment, 4)
        if text and qualifier in _TAX_QUALIFIERS:
            yield True, text
        if tax_id := self.reference(node, *_TAX_REFERENCES):
            yield True, tax_id
        if text and qualifier not in _TAX_QUALIFIERS:
            yield False, text
            if qualifier == _DUNS_PLUS_4 and len(text) > _DUNS_LENGTH:
                yield False, text[:_DUNS_LENGTH]

    # ── proof ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def prove_lines(self, count: int, quantities: Iterable[str] | None = None) -> None:
        """``CTT``: how many lines the set says it has, and the hash total of their quantities.

        The standard has the hash total add the digits without their decimal points; many add the quantities.
        """
        ctt = self.root.find("CTT")
        if ctt is None:
            return
        declared = value(ctt, 1)
        holds = is_count(declared, count)
        self.findings.claim("CTT01: number of lines", self.where(ctt, 1), declared, str(count), holds)
        if quantities is None or not value(ctt, 2):
            return
        texts = list(quantities)
        numbers = [number for text in texts if (number := parse_decimal(text)) is not None]
        digits = sum(int(text.replace(".", "") or 0) for text in texts if parse_decimal(text) is not None)
        summed = fields.plain(reduce(EXACT.add, numbers, Decimal(0)))
        hashed = parse_decimal(value(ctt, 2))
        holds = hashed is not None and hashed in (summed, Decimal(digits))
        self.findings.claim("CTT02: hash total of quantities", self.where(ctt, 2), value(ctt, 2), str(summed), holds)
