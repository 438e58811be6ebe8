"""X12 and EDIFACT: how fast files are divided into segments, beside splitting the same bytes at their terminator, which
does nothing else; and how fast X12 invoices are read, beside dividing them."""

from collections import deque
from collections.abc import Iterator

from tieout.formats.reading import Limits, gather
from tieout.formats.segments import Segment, Syntax, tokens
from tieout.formats.source import Bytes
from tieout.formats.x12 import read_x12
from tieout_bench.measuring import Figure, seconds, speed

#: Lines of an invoice.
LINES = 20
X12_PER_MEGABYTE, EDIFACT_PER_MEGABYTE = 580, 498
X12 = Syntax("*", "~", ">")
EDIFACT = Syntax("+", "'", ":", "", "?", ",")


def x12(sets: int) -> Iterator[bytes]:
    """The same invoices every time, in one group."""
    names = f"ZZ*{'ACMEPARTS':<15}*ZZ*{'NORTHWIND':<15}"
    yield f"ISA*00*{'':10}*00*{'':10}*{names}*260527*1015*U*00401*000000001*0*P*>~\n".encode()
    yield b"GS*IN*ACMEPARTS*NORTHWIND*20260527*1015*1*X*004010~\n"
    yield from map(_x12_invoice, range(1, sets + 1))
    yield f"GE*{sets}*1~\nIEA*1*000000001~\n".encode()


def _x12_invoice(number: int) -> bytes:
    lines = "".join(
        f"IT1*{line}*16*CA*12.34**BP*ITEM-{line:06}~\nPID*F****Crunchy chips in a bag, size {line}~\n"
        for line in range(1, LINES + 1)
    )
    head = f"ST*810*{number:09}~\nBIG*20260527*INV-{number}*20260501*PO-{number}~\nCUR*SE*USD~\n"
    head += "N1*SE*Acme Parts Inc*1*123456789~\nN1*BT*Northwind*92*1500~\nITD*01*3*****30~\n"
    end = f"TDS*{LINES * 19744}~\nCTT*{LINES}~\nSE*{2 * LINES + 9}*{number:09}~\n"
    return f"{head}{lines}{end}".encode()


def edifact(messages: int) -> Iterator[bytes]:
    """The same invoices every time."""
    yield b"UNB+UNOC:3+ACMEPARTS:14+NORTHWIND:14+260527:1015+1'\n"
    yield from map(_edifact_invoice, range(1, messages + 1))
    yield f"UNZ+{messages}+1'\n".encode()


def _edifact_invoice(number: int) -> bytes:
    lines = "".join(
        f"LIN+{line}++ITEM-{line:06}:SA'\nIMD+F++:::Crunchy chips'\nQTY+47:16:PCE'\nMOA+203:197.44'\nPRI+AAA:12.34'\n"
        for line in range(1, LINES + 1)
    )
    head = f"UNH+{number}+INVOIC:D:96A:UN'\nBGM+380+INV-{number}+9'\nDTM+137:20260527:102'\nCUX+2:EUR:4'\n"
    return f"{head}{lines}UNS+S'\nMOA+77:3948.80'\nUNT+{5 * LINES + 7}+{number}'\n".encode()


# ── the sides ──────────────────────────────────────────────────────────────────────────────────────────────────────


def divide(body: bytes, syntax: Syntax) -> None:
    """Every segment, with its elements and its place. A problem would be the last thing that comes."""
    last = deque(tokens(Bytes(body), syntax, "utf-8 latin-1", Limits()), maxlen=1).pop()
    assert isinstance(last, Segment), last


def split(body: bytes, syntax: Syntax) -> None:
    """The floor: nothing but a split."""
    body.split(syntax.segment.encode())


def read(body: bytes) -> None:
    """The whole reader: every invoice made canonical, every control proved."""
    reading = gather(read_x12, body)
    assert (reading.proof.holds, reading.proof.set_aside) == (True, 0), reading.diagnostics


# ── what is measured ───────────────────────────────────────────────────────────────────────────────────────────────


def measure(megabytes: int) -> tuple[Figure, ...]:
    """Dividing both syntaxes; and reading X12 invoices, of which a twentieth is plenty."""
    return (
        _dividing("X12, segments", b"".join(x12(megabytes * X12_PER_MEGABYTE)), X12),
        _dividing("EDIFACT, segments", b"".join(edifact(megabytes * EDIFACT_PER_MEGABYTE)), EDIFACT),
        _reading(b"".join(x12(megabytes * X12_PER_MEGABYTE // 20))),
    )


def _dividing(name: str, body: bytes, syntax: Syntax) -> Figure:
    ours, floor = seconds(name, lambda: divide(body, syntax), lambda: split(body, syntax))
    return speed(name, len(body), ours, "bytes.split", floor, at_least=40)


def _reading(body: bytes) -> Figure:
    name = "X12, invoices"
    ours, floor = seconds(name, lambda: read(body), lambda: divide(body, X12))
    return speed(name, len(body), ours, "dividing into segments", floor)
