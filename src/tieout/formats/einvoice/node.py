"""One element of an e-invoice with its children by local name, and their values through the strict parsers.

An invoice names a few dozen things in each group and has most of them once, so each group is walked once.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from lxml import etree

from tieout.formats import fields
from tieout.formats.reading import Findings
from tieout.formats.xml import Element, local
from tieout.kernel.problem import Code
from tieout.kernel.text import parse_day, parse_decimal

#: Notes and terms are prose; so much of one is kept.
PROSE_MAX = 10_000
_NOTHING = etree.Element("nothing")


class Node:
    """An element being read. ``below`` has its children by local name, in order."""

    __slots__ = ("below", "element", "findings")

    def __init__(self, element: Element, findings: Findings) -> None:
        self.element = element
        self.findings = findings
        self.below: dict[str, list[Element]] = {}
        for each in element:
            self.below.setdefault(each.tag.rpartition("}")[2], []).append(each)

    @property
    def where(self) -> str:
        """Its name and line, for problems that are found later."""
        return f"{self.element.tag.rpartition('}')[2]}, line {self.element.sourceline}"

    def __contains__(self, name: str) -> bool:
        return name in self.below

    # ── groups ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def all(self, name: str) -> Iterator["Node"]:
        """The groups of that name."""
        return (Node(each, self.findings) for each in self.below.get(name, ()))

    def get(self, *path: str) -> "Node | None":
        """The first group at the end of a path."""
        node: Node | None = self
        for name in path:
            if node is None or name not in node.below:
                return None
            node = Node(node.below[name][0], self.findings)
        return node

    def group(self, *path: str) -> "Node":
        """The first group at the end of a path; an empty one when there is none."""
        return self.get(*path) or Node(_NOTHING, self.findings)

    # ── values ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def leaf(self, *path: str) -> Element | None:
        """The first element at the end of a path."""
        holder = self.get(*path[:-1]) if len(path) > 1 else self
        found = holder.below.get(path[-1]) if holder is not None else None
        return found[0] if found else None

    def raw(self, *path: str) -> str:
        """A text as it stands, without what surrounds it."""
        found = self.leaf(*path)
        return (found.text or "").strip() if found is not None else ""

    def text(self, *path: str) -> str:
        """An identifier, a name or a code on one line."""
        found = self.leaf(*path)
        if found is None or not found.text:
            return ""
        line = fields.one_line(found.text)
        return line if len(line) <= fields.TEXT_MAX else fields.read_optional(line, place_of(found), self.findings)

    def texts(self, name: str) -> list[str]:
        """The texts of all elements of that name that have one."""
        found = ((each.text or "").strip()[:PROSE_MAX] for each in self.below.get(name, ()))
        return [text for text in found if text]

    def attribute(self, name: str, *path: str) -> str:
        """An attribute of the element at the end of a path."""
        found = self.leaf(*path) if path else self.element
        return (found.get(name) or "").strip() if found is not None else ""

    def number(self, *path: str) -> Decimal | None:
        """A plain decimal number; an element that is there must hold one."""
        found = self.leaf(*path)
        return None if found is None else number_of(found, self.findings)

    def amount(self, currency: str, *path: str) -> Decimal | None:
        """An amount; where it names its currency, that must be the one expected."""
        found = self.leaf(*path)
        return None if found is None else amount_of(found, currency, self.findings)

    def day(self, *path: str, read: Callable[[str], date | None] = fields.day_of) -> date | None:
        """A calendar day; an element that is there must hold one."""
        found = self.leaf(*path)
        return None if found is None else day_of(found, self.findings, read)


def place_of(element: Element) -> str:
    """Where an element stands: ``Invoice/InvoiceLine/ID, line 40``. The line says which of many, so that a document of
    a hundred thousand wrong lines is not counted through for each of them."""
    names = [local(element), *(local(each) for each in element.iterancestors())]
    return f"{'/'.join(reversed(names))}, line {element.sourceline}"


def number_of(element: Element, findings: Findings) -> Decimal | None:
    """The plain decimal number in an element."""
    value = parse_decimal(element.text or "")
    if value is None or len(element):
        return fields.read_decimal("" if len(element) else element.text or "", place_of(element), findings)
    return value


def amount_of(element: Element, currency: str, findings: Findings) -> Decimal | None:
    """The amount in an element. One in another currency than the document's cannot be added up with the others."""
    own = element.get("currencyID")
    if own and currency and own != currency:
        findings.fault(Code.CURRENCY_MISMATCH, place_of(element), expected=currency, actual=own)
        return None
    return number_of(element, findings)


def day_of(element: Element, findings: Findings, read: Callable[[str], date | None] = fields.day_of) -> date | None:
    """The calendar day in an element."""
    text = (element.text or "").strip()
    value = read(text) if text else None
    if value is None:
        code = Code.BAD_VALUE if text else Code.MISSING_FIELD
        findings.fault(code, place_of(element), expected="a day such as 2026-05-31", actual=text)
    return value


def compact_day(text: str) -> date | None:
    """A day of UN/CEFACT format 102, ``20260531``; also 203 (with a time of day), and the ISO way of writing it."""
    digits = text[:8]
    if digits.isascii() and digits.isdigit() and len(text) in (8, 12, 14) and text.isdigit():
        return parse_day(f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}")
    return fields.day_of(text)
