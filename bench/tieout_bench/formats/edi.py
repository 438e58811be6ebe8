"""How fast EDI files are divided into segments: megabytes a second, and how near that is to the bare floor of splitting
the bytes at their terminator, which does nothing else."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from tieout.formats.reading import Context, Findings, Limits
from tieout.formats.segments import Syntax, tokens
from tieout.formats.source import Bytes
from tieout.formats.x12 import read_x12

MEGABYTE = 1_000_000
#: Sets in a generated file: about 30 MB.
SETS = 18_000
LINES = 20
ROUNDS = 3
X12 = Syntax("*", "~", ">")
EDIFACT = Syntax("+", "'", ":", "", "?", ",")


def x12_file(sets: int = SETS) -> bytes:
    """Invoices of twenty lines each in one group."""
    names = f"ZZ*{'ACMEPARTS':<15}*ZZ*{'NORTHWIND':<15}"
    head = f"ISA*00*{'':10}*00*{'':10}*{names}*260527*1015*U*00401*000000001*0*P*>~\n"
    head += "GS*IN*ACMEPARTS*NORTHWIND*20260527*1015*1*X*004010~\n"
    body = "".join(_invoice(number) for number in range(1, sets + 1))
    return f"{head}{body}GE*{sets}*1~\nIEA*1*000000001~\n".encode()


def _invoice(number: int) -> str:
    lines = "".join(
        f"IT1*{line}*16*CA*12.34**BP*ITEM-{line:06}~\nPID*F****Crunchy chips in a bag, size {line}~\n"
        for line in range(1, LINES + 1)
    )
    head = f"ST*810*{number:09}~\nBIG*20260527*INV-{number}*20260501*PO-{number}~\nCUR*SE*USD~\n"
    head += "N1*SE*Acme Parts Inc*1*123456789~\nN1*BT*Northwind*92*1500~\nITD*01*3*****30~\n"
    end = f"TDS*{LINES * 19744}~\nCTT*{LINES}~\nSE*{2 * LINES + 9}*{number:09}~\n"
    return head + lines + end


def edifact_file(messages: int = SETS) -> bytes:
    """Invoices of twenty lines each."""
    body = "".join(_message(number) for number in range(1, messages + 1))
    end = f"UNZ+{messages}+1'\n"
    return f"UNB+UNOC:3+ACMEPARTS:14+NORTHWIND:14+260527:1015+1'\n{body}{end}".encode()


def _message(number: int) -> str:
    lines = "".join(
        f"LIN+{line}++ITEM-{line:06}:SA'\nIMD+F++:::Crunchy chips'\nQTY+47:16:PCE'\nMOA+203:197.44'\nPRI+AAA:12.34'\n"
        for line in range(1, LINES + 1)
    )
    head = f"UNH+{number}+INVOIC:D:96A:UN'\nBGM+380+INV-{number}+9'\nDTM+137:20260527:102'\nCUX+2:EUR:4'\n"
    return f"{head}{lines}UNS+S'\nMOA+77:3948.80'\nUNT+{5 * LINES + 7}+{number}'\n"


def measure() -> dict[str, float]:
    """Megabytes a second by what was read, and how many times the floor is faster; the best of several rounds."""
    measured: dict[str, float] = {}
    for name, body, syntax in (("x12", x12_file(), X12), ("edifact", edifact_file(), EDIFACT)):
        speed = _speed(body, partial(tokens, Bytes(body), syntax, "utf-8 latin-1", Limits()))
        floor = _speed(body, partial(_floor, body, syntax.segment.encode()))
        measured |= {f"{name} tokens MB/s": speed, f"{name} floor MB/s": floor, f"{name} floor ratio": floor / speed}
    invoices = x12_file(SETS // 10)
    measured["x12 invoices MB/s"] = _speed(invoices, lambda: read_x12(Bytes(invoices), Context(), Findings()))
    return measured


def _floor(body: bytes, terminator: bytes) -> Iterator[object]:
    """Nothing but a split."""
    body.split(terminator)
    return iter(())


def _speed(body: bytes, read: Callable[[], Iterator[object]]) -> float:
    """The best of :data:`ROUNDS`."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in read():
            pass
        seconds.append(time.perf_counter() - started)
    return len(body) / MEGABYTE / min(seconds)
