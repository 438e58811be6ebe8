"""The conformance kit over one interchange with a set of every kind, and everything that can break it."""

from collections.abc import Iterator, Mapping

import pytest
from tests.formats.x12.kit import CONTEXT, DATA, read

from tieout.conformance.formats import Broken, ReaderConformance, truncated
from tieout.formats.reading import Context
from tieout.formats.x12 import READERS, read_x12
from tieout.model.documents import Interchange

ALL = (DATA / "everything.edi").read_bytes()


class TestX12(ReaderConformance):
    is_xml = False
    cuts = 150
    reader = staticmethod(read_x12)

    def documents(self) -> Mapping[str, bytes]:
        return {"everything": ALL, "wrapped": wrapped(ALL), "in lines": ALL.replace(b"~\n", b"\n")}

    def context(self) -> Context:
        return CONTEXT

    def broken(self) -> Iterator[Broken]:
        yield from truncated(ALL, self.cuts)
        for was, wrong in (
            (b"IEA*11*", b"IEA*10*"),
            (b"*000000500~\n", b"*000000501~\n"),
            (b"GE*1*3~", b"GE*2*3~"),
            (b"GE*1*3~", b"GE*1*4~"),
            (b"GE*1*3~\n", b""),
            (b"ISA*00*", b"ISA*0*"),
            (b"*00401*", b"*401*"),
            (b"*P*>~", b"*P*>"),
            (b"*P*>~", b"*P*>A"),
            (b"ISA*", b"ISA "),
            (b"GS*PO", b"GS*"),
            (b"ST*850*0001", b"XX*850*0001"),
            (b"SE*7*0001~\nGE*1*3", b"GE*1*3~\nSE*7*0001"),
        ):
            assert was in ALL, was
            yield Broken(f"{was!r} is {wrong!r}", ALL.replace(was, wrong, 1))
        yield Broken("UTF-16", ALL.decode().encode("utf-16"))
        yield Broken("garbage behind it", ALL + b"and so on")
        yield Broken("twice", ALL + ALL)


def wrapped(body: bytes) -> bytes:
    flat = body.replace(b"\n", b"")
    return b"\r\n".join(flat[at : at + 80] for at in range(0, len(flat), 80))


def test_every_set_has_a_document_here() -> None:
    reading = read(ALL)
    envelope = reading.records[-1]
    assert isinstance(envelope, Interchange)
    assert {part.kind for part in envelope.parts} == set(READERS)
    assert reading.proof.set_aside == 0
    kinds = {type(record).__name__ for record in reading.records}
    assert kinds == {
        *("Acknowledgment", "BusinessResponse", "DespatchAdvice", "GoodsReceipt", "Interchange", "Invoice"),
        *("OrderChange", "OrderResponse", "PurchaseOrder", "RemittanceAdvice"),
    }


def test_however_it_is_written_it_says_the_same() -> None:
    lines = ALL.replace(b"~\n", b"\n")
    for other in (wrapped(ALL), lines, lines.replace(b"\n", b"\r\n"), ALL.replace(b"\n", b""), b"\xef\xbb\xbf" + ALL):
        assert [said(record) for record in read(other).records[:-1]] == [
            said(record) for record in read(ALL).records[:-1]
        ]


def said(record: object) -> str:
    return str(record).partition("document=")[0]


NUMBERS = ("", "9" * 15, "9" * 28, "." + "0" * 28 + "1", "0." + "0" * 15 + "1", "-0", "-.5", "99991231")


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_at_the_edge_never_raise(number: str) -> None:
    """Every element in turn has a number that is hard to compute with."""
    for at in (at for at, sign in enumerate(ALL) if sign in b"*~"):
        start = ALL.rindex(b"*", 0, at) if b"*" in ALL[:at] else 0
        read(ALL[: start + 1] + number.encode() + ALL[at:])


MUTATIONS = (b"", b"~", b"*", b"\0", b"\xff", b"9", b"-", b">", b"*x*", b"~~")


@pytest.mark.parametrize("step", range(4))
def test_almost_valid_files_never_raise_and_are_never_taken_in_silence(step: int) -> None:
    """Each byte of the numbers that prove something, and many others, replaced, doubled or taken out."""
    whole = read(ALL)
    for at in range(step * 3, len(ALL), 12):
        sign = MUTATIONS[(at // 3) % len(MUTATIONS)]
        reading = read(ALL[:at] + sign + ALL[at + 1 :])
        if reading.proof.holds and not reading.proof.set_aside and not reading.diagnostics:
            assert reading.records != whole.records, at
