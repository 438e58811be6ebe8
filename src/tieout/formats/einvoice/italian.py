"""Fields of the documents of the Italian exchange system (Sistema di Interscambio, SdI), each with its place."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from tieout.formats import fields
from tieout.formats.reading import Context, Findings
from tieout.formats.xml import Element, child, children, place, text_at
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.identity import normal_tax_id


class Node:
    """An element of a document, read field by field. Element names are those of the technical rules."""

    def __init__(self, element: Element, findings: Findings) -> None:
        self.element = element
        self.findings = findings

    def where(self, *path: str) -> str:
        """The place of a field, or where it is missing."""
        found = child(self.element, *path)
        return place(found) if found is not None else f"{place(self.element)}: {'/'.join(path)}"

    def node(self, *path: str) -> "Node | None":
        """The first element at the end of a path."""
        found = child(self.element, *path)
        return Node(found, self.findings) if found is not None else None

    def nodes(self, *path: str) -> Iterator["Node"]:
        """All elements at the end of a path."""
        holder = child(self.element, *path[:-1]) if len(path) > 1 else self.element
        return (Node(found, self.findings) for found in children(holder, path[-1]))

    def has(self, *path: str) -> bool:
        """Whether there is such an element with a text."""
        return bool(text_at(self.element, *path))

    def raw(self, *path: str) -> str:
        """A code: the text as it stands."""
        return text_at(self.element, *path)

    def text(self, *path: str) -> str:
        """A text that must be there."""
        return fields.read_text(self.raw(*path), self.where(*path), self.findings)

    def optional(self, *path: str) -> str:
        """A text that may be missing."""
        text = self.raw(*path)
        return fields.read_optional(text, self.where(*path), self.findings) if text else ""

    def number(self, *path: str) -> Decimal | None:
        """A number that must be there."""
        return fields.read_decimal(self.raw(*path), self.where(*path), self.findings)

    def number_or(self, default: Decimal, *path: str) -> Decimal | None:
        """A number that may be missing."""
        return self.number(*path) if self.has(*path) else default

    def money(self, currency: str, *path: str) -> Money | None:
        """An amount that must be there."""
        return fields.read_money(self.raw(*path), currency, self.where(*path), self.findings)

    def money_or_zero(self, currency: str, *path: str) -> Money | None:
        """An amount that may be missing."""
        return self.money(currency, *path) if self.has(*path) else Money.zero(currency)

    def day(self, *path: str) -> date | None:
        """A day that must be there."""
        return fields.read_day(self.raw(*path), self.where(*path), self.findings)

    def note(self, code: Code, *path: str, actual: str = "", expected: str = "", detail: str = "") -> None:
        """Something worth knowing about a field."""
        self.findings.note(code, self.where(*path), actual=actual, expected=expected, detail=detail)

    def fault(self, code: Code, *path: str, actual: str = "", expected: str = "", detail: str = "") -> None:
        """Something that must not be acted on."""
        self.findings.fault(code, self.where(*path), actual=actual, expected=expected, detail=detail)

    def claim(self, name: str, declared: Money, computed: Money, slack_minor: int, *path: str) -> None:
        """An amount the document declares against the one that its parts give, within what SdI lets pass."""
        holds = abs((declared - computed).minor) <= slack_minor
        self.findings.claim(name, self.where(*path), str(declared), str(computed), holds)


def vat_number(party: Node, *path: str) -> str:
    """``IdFiscaleIVA``: country and code in one, as VAT numbers are written; some senders write the country twice."""
    country, code = party.optional(*path, "IdPaese"), party.optional(*path, "IdCodice")
    return code if code.startswith(country) else f"{country}{code}"


def name_of(party: Node, *path: str) -> str:
    """The name of a company, or the first and last name of a person."""
    company = party.optional(*path, "Denominazione")
    person = f"{party.optional(*path, 'Nome')} {party.optional(*path, 'Cognome')}".strip()
    return company or person


def entity_of(identifiers: list[str], context: Context, where: str, findings: Findings) -> str:
    """Which of our legal entities is the buyer, by any of its identifiers."""
    known = {normal_tax_id(key): entity for key, entity in context.entities_by_tax_id.items()}
    seen = [text for text in identifiers if text]
    for text in seen:
        if entity := known.get(normal_tax_id(text)):
            return entity
    findings.note(Code.UNKNOWN_ENTITY, where, expected="a buyer that is one of us", actual=", ".join(seen))
    return ""
