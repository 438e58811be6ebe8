"""Small interchanges around transaction sets, so that a test shows only what it is about."""

from pathlib import Path
from typing import Any

from tieout.formats.reading import Context, Reading, gather
from tieout.formats.x12 import read_x12
from tieout.model.documents import Interchange

DATA = Path(__file__).parents[1] / "data" / "x12"
GROUPS = {
    "810": "IN",
    "820": "RA",
    "824": "AG",
    "850": "PO",
    "855": "PR",
    "856": "SH",
    "860": "PC",
    "861": "RC",
    "865": "CA",
    "997": "FA",
    "999": "FA",
    "837": "HC",
}

#: We are NORTHWIND; the partner is a supplier that is known by the name of its interchanges.
CONTEXT = Context(
    entities_by_tax_id={"NORTHWIND": "us", "98-7654321": "us"},
    suppliers_by_id={"ACMEPARTS": "12-3456789"},
    currencies={"us": "USD"},
)


def isa(control: str = "000000101", *, sender: str = "ACMEPARTS", receiver: str = "NORTHWIND", test: str = "P") -> str:
    names = f"ZZ*{sender:<15}*ZZ*{receiver:<15}"
    return f"ISA*00*{'':10}*00*{'':10}*{names}*260527*1015*U*00401*{control}*0*{test}*>~"


def a_set(kind: str, body: str, control: str = "0001") -> str:
    """A set whose end counts right. ``body`` has one segment on each line."""
    lines = body.split("\n")
    rows = [f"ST*{kind}*{control}", *(line.strip() for line in lines if line.strip())]
    return "".join(f"{row}~\n" for row in [*rows, f"SE*{len(rows) + 1}*{control}"])


def a_group(kind: str, *sets: str, control: str = "7", names: str = "ACMEPARTS*NORTHWIND") -> str:
    head = f"GS*{GROUPS[kind]}*{names}*20260527*1015*{control}*X*004010~\n"
    return f"{head}{''.join(sets)}GE*{len(sets)}*{control}~\n"


def file_of(*groups: str, control: str = "000000101", **names: str) -> bytes:
    return f"{isa(control, **names)}\n{''.join(groups)}IEA*{len(groups)}*{control}~\n".encode()


def file_with(kind: str, body: str, **names: str) -> bytes:
    """One set in one group."""
    sender, receiver = names.get("sender", "ACMEPARTS"), names.get("receiver", "NORTHWIND")
    return file_of(a_group(kind, a_set(kind, body), names=f"{sender}*{receiver}"), **names)


def read(body: bytes, context: Context = CONTEXT) -> Reading[Any]:
    return gather(read_x12, body, context, "x12")


def records(reading: Reading[Any]) -> list[Any]:
    """The business records, without the envelopes."""
    return [record for record in reading.records if not isinstance(record, Interchange)]


def only(body: bytes, context: Context = CONTEXT) -> Any:
    """The single record of a document that holds."""
    reading = read(body, context)
    assert reading.proof.holds, reading.diagnostics
    assert reading.proof.set_aside == 0, reading.diagnostics
    (record,) = records(reading)
    return record


def envelope(reading: Reading[Any]) -> Interchange:
    """The only envelope."""
    (found,) = [record for record in reading.records if isinstance(record, Interchange)]
    assert reading.records[-1] is found
    return found


def said(reading: Reading[Any]) -> list[str]:
    return [str(problem) for problem in reading.diagnostics]
