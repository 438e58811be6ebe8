"""Interchanges for tests: messages with the right counts around them, and almost valid ones."""

from pathlib import Path

from tieout.formats.edifact import read_edifact
from tieout.formats.reading import Context, Reading, gather

DATA = Path(__file__).parents[1] / "data" / "edifact"
#: Our own company in the data, and a supplier that is known by its GLN only.
OURS = Context(
    entities_by_tax_id={"DE 123 456 789": "acme-de", "4098765000003": "acme-de"},
    suppliers_by_id={"4056789000007": "FR40303265045"},
    currencies={"acme-de": "EUR"},
)


def data(name: str) -> bytes:
    return (DATA / f"{name}.edi").read_bytes()


def message(kind: str, *segments: str, reference: str = "1") -> str:
    """A message of these segments."""
    body = [f"UNH+{reference}+{kind}", *segments]
    return "'".join((*body, f"UNT+{len(body) + 1}+{reference}")) + "'"


def interchange(
    *messages: str, unb: str = "UNOC:3+4012345000009:14+4098765000003:14+260504:1030+77", una: str = "UNA:+.? '"
) -> bytes:
    """An interchange of these messages."""
    control = unb.split("+")[4]
    return f"{una}UNB+{unb}'{''.join(messages)}UNZ+{len(messages)}+{control}'".encode("latin-1")


def read(body: bytes, context: Context = OURS) -> Reading[object]:
    return gather(read_edifact, body, context)


def changed(body: bytes, valid: str, wrong: str) -> bytes:
    """The document with one thing different, which must be in it."""
    assert valid.encode("latin-1") in body, valid
    return body.replace(valid.encode("latin-1"), wrong.encode("latin-1"), 1)


def without(body: bytes, segment: str) -> bytes:
    """The document without one segment, with the count of its message put right."""
    text = body.decode("latin-1")
    at = text.index(segment)
    start, end = text.rindex("'", 0, at) + 1, text.index("'", at)
    cut = text[:start] + text[end + 1 :].removeprefix("\n")
    unt = text.index("UNT+", at)
    count = text[unt + 4 : text.index("+", unt + 4)]
    return cut.replace(f"UNT+{count}+", f"UNT+{int(count) - 1}+", 1).encode("latin-1")
