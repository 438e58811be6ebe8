"""Who is meant: which of our entities, and which supplier, by any of the names that a document gives them."""

from collections.abc import Mapping, Sequence
from typing import Self

from msgspec import Struct

from tieout.formats.reading import Context, Findings
from tieout.kernel.problem import Code
from tieout.model.identity import normal_tax_id, supplier_id_of


class Name(Struct, frozen=True):
    """One name of a party: what kind of name it is, for people, and whether it is the VAT number, or the tax
    registration that stands for one where there is no VAT."""

    kind: str
    text: str
    is_tax_id: bool = False


class Seller(Struct, frozen=True):
    """A supplier as a document names it."""

    supplier_id: str
    tax_id: str


class Known(Struct, frozen=True):
    """The names by which we know our entities and our suppliers, as they are compared."""

    entities: Mapping[str, str]
    suppliers: Mapping[str, str]

    @classmethod
    def of(cls, context: Context) -> Self:
        """What a reader was told about us."""
        return cls(
            {normal_tax_id(key): entity for key, entity in context.entities_by_tax_id.items()},
            {normal_tax_id(key): tax_id for key, tax_id in context.suppliers_by_id.items()},
        )


def entity(known: Known, names: Sequence[Name], where: str, findings: Findings) -> str:
    """Which of our legal entities is the buyer; none is told, and left empty."""
    for name in names:
        if found := known.entities.get(normal_tax_id(name.text)):
            return found
    actual = ", ".join(dict.fromkeys(name.text for name in names))
    findings.note(Code.UNKNOWN_ENTITY, where, expected="a buyer that is one of us", actual=actual)
    return ""


def supplier(known: Known, names: Sequence[Name], where: str, findings: Findings) -> Seller | None:
    """The supplier: by its VAT number, by a name we have a tax registration for, or by the best name that is there.
    ``names`` come with the best first."""
    for name in names:
        if name.is_tax_id and normal_tax_id(name.text):
            return Seller(supplier_id_of(name.text), name.text)
    for name in names:
        if tax_id := known.suppliers.get(normal_tax_id(name.text)):
            return Seller(supplier_id_of(tax_id), tax_id)
    for name in names:
        if normal_tax_id(name.text):
            findings.assume("the supplier's VAT number", f"its {name.kind}", where)
            return Seller(supplier_id_of(name.text), name.text)
    findings.fault(Code.MISSING_FIELD, where, expected="the supplier's VAT number or another identifier")
    return None
