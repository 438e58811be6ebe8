"""The envelope: what is counted is proved, what is broken is refused at its own level, and the rest stands."""

import tracemalloc
from collections.abc import Iterator
from datetime import date

import pytest
from tests.formats.edifact.interchange import changed, data, interchange, message, read, without

from tieout.formats.edifact import READERS, read_edifact
from tieout.formats.edifact.tree import build, rules
from tieout.formats.reading import Context, Findings, spot
from tieout.formats.segments import Segment, Syntax
from tieout.formats.source import Bytes, Source
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import EnvelopeGroup, EnvelopePart, Interchange, PurchaseOrder

ORDER = (
    *("BGM+220+{}+9", "DTM+137:20260420:102", "NAD+BY+4098765000003::9", "NAD+SU+4012345000009::9"),
    *("RFF+VA:DE129273398", "CUX+2:EUR:9", "LIN+1++A:EN", "QTY+21:8:PCE", "PRI+AAA:1.50", "UNS+S", "CNT+2:1"),
)


def order(reference: str = "1", number: str = "PO-1", release: str = "96A") -> str:
    return message(f"ORDERS:D:{release}:UN", *(part.format(number) for part in ORDER), reference=reference)


def envelope(body: bytes) -> Interchange:
    """The envelope, which is the last record whatever happens."""
    last = read(body).records[-1]
    assert isinstance(last, Interchange)
    return last


def numbers(body: bytes) -> list[str]:
    """The numbers of the orders that were read."""
    return [record.order_id for record in read(body).records if isinstance(record, PurchaseOrder)]


def test_an_interchange_of_three_messages() -> None:
    body = interchange(order("1", "PO-1"), order("2", "PO-2", "01B"), order("3", "PO-3"))
    reading = read(body)
    assert reading.proof.holds
    assert numbers(body) == ["PO-1", "PO-2", "PO-3"]
    assert reading.records[-1] == Interchange(
        standard="edifact",
        sender="4012345000009",
        receiver="4098765000003",
        control="77",
        prepared_on=date(2026, 5, 4),
        version="UNOC:3",
        parts=tuple(
            EnvelopePart(kind="ORDERS", control=str(number), version=f"D:{release}:UN", offset=offset)
            for number, release, offset in ((1, "96A", 69), (2, "01B", 267), (3, "96A", 465))
        ),
        sender_qualifier="14",
        receiver_qualifier="14",
    )
    assert {(claim.name, claim.declared) for claim in reading.proof.claims} == {
        ("UNT: segments in the message", "13"),
        ("UNT: reference of the message", "1"),
        ("UNT: reference of the message", "2"),
        ("UNT: reference of the message", "3"),
        ("CNT 2: number of lines", "1"),
        ("UNZ: messages in the interchange", "3"),
        ("UNZ: reference of the interchange", "77"),
    }


@pytest.mark.parametrize(
    ("valid", "wrong", "detail"),
    [
        ("UNT+13+2", "UNT+12+2", "UNT: segments in the message"),
        ("UNT+13+2", "UNT+twelve+2", "UNT: segments in the message"),
        ("UNT+13+2", "UNT+13+3", "UNT: reference of the message"),
        ("UNH+2+ORDERS", "UNH+1+ORDERS", "a message of this interchange already has this reference"),
        ("UNH+2+ORDERS", "UNH+2+IFTMIN", "messages of this type are not read"),
        ("UNH+2+ORDERS:D:96A:UN", "UNH+2+ORDERS:D:96A:UN++1:C", "one of several parts of a message"),
        ("BGM+220+PO-2+9", "BGM+220++9", ""),
        ("CNT+2:1'UNT+13+2", "CNT+2:2'UNT+13+2", "CNT 2: number of lines"),
        (
            "NAD+BY+4098765000003::9'NAD+SU",
            "BGM+220+PO-9'NAD+SU",
            "a segment at a place where the message cannot have it",
        ),
    ],
)
def test_a_broken_message_is_refused_by_itself(valid: str, wrong: str, detail: str) -> None:
    body = interchange(order("1", "PO-1"), order("2", "PO-2"), order("3", "PO-3"))
    at = body.index(b"UNH+2+")
    broken = body[:at] + changed(body[at:], valid, wrong)
    if valid.startswith("UNH+2+ORDERS") and "UNH+1" in wrong:
        broken = changed(broken, "UNT+13+2", "UNT+13+1")
    reading = read(broken)
    assert (reading.proof.holds, reading.proof.set_aside) == (True, 1)
    assert numbers(broken) == ["PO-1", "PO-3"]
    parts = envelope(broken).parts
    assert [part.accepted for part in parts] == [True, False, True]
    assert any(problem.detail.startswith(detail) for problem in parts[1].problems)
    assert all(spot(problem.where) for problem in parts[1].problems)
    assert set(parts[1].problems) <= set(reading.diagnostics)


@pytest.mark.parametrize(
    ("valid", "wrong", "where"),
    [
        ("UNZ+2+77", "UNZ+3+77", "UNZ (segment 28), byte 465"),
        ("UNZ+2+77", "UNZ++77", "UNZ (segment 28), byte 465"),
        ("UNZ+2+77", "UNZ+2+78", "UNZ (segment 28), byte 465"),
        ("UNZ+2+77'", "", "UNB (segment 1), byte 9"),
        ("UNZ+2+77'", "UNZ+2+77", "byte 465"),
        ("UNB+UNOC:3+4012345000009:14", "UNB+UNOC:3+", "UNB (segment 1), byte 9"),
        ("1030+77'", "1030+'", "UNB (segment 1), byte 9"),
        ("UNH+2+", "FTX+AAI+++a'UNH+2+", "FTX (segment 15), byte 267"),
        ("UNH+2+ORDERS:D:96A:UN'", "", "BGM (segment 15), byte 267"),
        ("UNT+13+2'", "", "byte"),
    ],
)
def test_a_broken_interchange_is_refused_as_a_whole(valid: str, wrong: str, where: str) -> None:
    body = changed(interchange(order("1", "PO-1"), order("2", "PO-2")), valid, wrong)
    reading, found = read(body), envelope(body)
    if valid == "UNT+13+2'":  # The message is not closed; the interchange counts right.
        assert (reading.proof.set_aside, [part.accepted for part in found.parts]) == (1, [True, False])
        return
    assert not reading.proof.holds
    assert not found.accepted
    assert found.problems[0].where == where
    assert found.problems[0] in reading.diagnostics


def test_groups_are_counted_too() -> None:
    group = "UNG+ORDERS+OURS:14+THEIRS:14+260504:1030+{}+UN+D:96A:EAN008'"
    first, second = order("1", "PO-1"), order("1", "PO-2")
    body = interchange(f"{group.format(5)}{first}UNE+1+5'", f"{group.format(6)}{second}UNE+1+6'")
    assert read(body).proof.holds
    assert envelope(body).groups == (
        EnvelopeGroup(
            kind="ORDERS", control="5", version="D:96A:EAN008", declared=1, counted=1, sender="OURS", receiver="THEIRS"
        ),
        EnvelopeGroup(
            kind="ORDERS", control="6", version="D:96A:EAN008", declared=1, counted=1, sender="OURS", receiver="THEIRS"
        ),
    )
    assert [(part.group, part.control) for part in envelope(body).parts] == [("5", "1"), ("6", "1")]
    for valid, wrong in (("UNE+1+5'", "UNE+2+5'"), ("UNE+1+5'", "UNE+1+7'"), ("UNE+1+5'", ""), ("UNZ+2", "UNZ+3")):
        broken = changed(body, valid, wrong)
        assert not read(broken).proof.holds
        assert envelope(broken).problems


def test_several_interchanges_each_with_its_own_signs_and_letters() -> None:
    first = interchange(order("1", "PO-1"))
    same = changed(first, "+77'", "+78'").replace(b"UNZ+1+77", b"UNZ+1+78")
    level = "UNOY:4+S+R+20260504:1030+80"
    utf8 = interchange(order("1", "PO-Ä"), unb=level, una="").decode("latin-1").encode("utf-8")
    other = interchange(order("1", "PO-4"), unb="UNOA:1+S+R+260504:1030+81", una="UNA:+,  '")
    piped = other.replace(b"'", b"~").replace(b"+81", b"+82").replace(b"PO-4", b"PO-5")
    body = b"\r\n".join((first, same, utf8, other, piped, first.replace(b"+77'", b"+83'")))
    reading = read(body)
    assert reading.proof.holds, reading.diagnostics
    assert numbers(body) == ["PO-1", "PO-1", "PO-Ä", "PO-4", "PO-5", "PO-1"]
    controls = [record.control for record in reading.records if isinstance(record, Interchange)]
    assert controls == ["77", "78", "80", "81", "82", "83"]


def test_an_interchange_twice_in_a_file_is_refused() -> None:
    body = interchange(order()) * 2
    reading = read(body)
    assert not reading.proof.holds
    assert [bool(record.problems) for record in reading.records if isinstance(record, Interchange)] == [False, True]


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (
            b"UIB+UNOA:1+1+++S+R+260504:1030'UIH+PAORES:93:1:IA+1'UIT+1+2'UIZ+1+1'",
            Code.UNSUPPORTED_CONTENT,
            "interactive",
        ),
        (b"UNA:+.? 'UIB+UNOA:1'", Code.UNSUPPORTED_CONTENT, "interactive"),
        (b"UNB+UNOX:3+S+R+260504:1030+1'UNZ+0+1'", Code.UNSUPPORTED_CONTENT, "ISO 2022"),
        (b"UNA:+.??'UNB+UNOC:3+S+R+260504:1030+1'", Code.BAD_VALUE, "UNA"),
        (b"UNA:+.A '", Code.BAD_VALUE, "UNA"),
        (b"UNA:+.? 'UNH+1'", Code.UNKNOWN_FORMAT, ""),
        (b"UNB+'", Code.BAD_VALUE, ""),
        (b"", Code.UNKNOWN_FORMAT, ""),
    ],
)
def test_what_is_no_batch_interchange_is_refused_at_once(body: bytes, code: Code, detail: str) -> None:
    reading = read(body)
    assert [problem.code for problem in reading.diagnostics][:1] == [code]
    assert detail in reading.diagnostics[0].detail
    assert not reading.proof.holds
    assert envelope(body).problems == reading.diagnostics[:1]


def test_una_without_release_character_and_line_breaks_anywhere() -> None:
    body = interchange(order("1", "PO?1"), una="UNA:+.  '")
    assert numbers(body) == ["PO?1"]
    wrapped = b"\n".join(body[at : at + 80] for at in range(0, len(body), 80))
    assert numbers(wrapped) == ["PO?1"]
    assert numbers(b"\xef\xbb\xbf\r\n" + body.replace(b"'", b"'\r\n")) == ["PO?1"]


def test_flags_of_the_interchange_are_kept_and_a_test_is_told() -> None:
    body = interchange(order(), unb="UNOC:3+S:14+R:14+260504:1030+77+++ +1++1".replace(" ", ""))
    found = envelope(body)
    assert (found.wants_acknowledgment, found.test) == (True, True)
    assert "a test interchange: nothing of it may be acted on" in [p.detail for p in read(body).diagnostics]


def test_attached_objects_are_passed_over_and_told() -> None:
    package = "UNO+P1+1:R-1+13:application/pdf+12'QUJD'REVGR0hJUNP+12+P1'"
    body = interchange(order("1"), package, order("2", "PO-2"))
    assert numbers(body) == ["PO-1", "PO-2"]
    assert read(body).proof.holds
    assert [p.detail for p in read(body).diagnostics] == [
        "an attached object (UNO to UNP) is not read; the original has it"
    ]
    assert not read(changed(body, "UNP+12+P1", "UNP+12+P2")).proof.holds


def test_letters_beyond_the_syntax_level() -> None:
    latin = interchange(order("1", "PO-Ä"), unb="UNOA:2+S+R+260504:1030+1")
    assert numbers(latin) == ["PO-Ä"]
    assert [(p.code, p.detail) for p in read(latin).diagnostics] == [
        (Code.BAD_VALUE, "letters that UNOA:2 does not have; read as Latin-1")
    ]
    unknown = interchange(order(), unb="IATB:1+S+R+260504:1030+1")
    assert [(p.code, p.actual) for p in read(unknown).diagnostics] == [(Code.UNKNOWN_CODE, "IATB:1")]
    assert not read(interchange(order("1", "PO-Ä"), unb="UNOW:4+S+R+20260504:1030+1")).proof.holds
    greek = interchange(order("1", "PO-\xe1"), unb="UNOF:3+S+R+260504:1030+1")
    assert numbers(greek) == ["PO-α"]


def test_a_segment_the_message_does_not_have_is_told_and_passed_over() -> None:
    body = changed(interchange(order()), "UNS+S'", "XYZ+1'UNS+S'").replace(b"UNT+13", b"UNT+14")
    assert numbers(body) == ["PO-1"]
    assert [(p.code, p.actual) for p in read(body).diagnostics] == [(Code.UNSUPPORTED_CONTENT, "XYZ")]
    early = changed(interchange(order()), "NAD+BY", "GIN+BJ+340123450000000018'NAD+BY").replace(b"UNT+13", b"UNT+14")
    assert numbers(early) == ["PO-1"]


def test_every_type_of_message_has_a_table_and_a_reader() -> None:
    assert set(rules()) == set(READERS)


def test_segments_go_to_the_innermost_group_that_has_a_place_for_them() -> None:
    syntax = Syntax("+", "'", ":", "", "?")
    texts = (
        "UNH BGM NAD+SU RFF+VA LIN+1 QTY+47 TAX+7 MOA+124 MOA+203 ALC+A MOA+8 RFF+ON UNS+S MOA+79 TAX+7 MOA+124 MOA+77"
    )
    segments = [
        Segment(text[:3], text[4:].split("+") if text[4:] else [], number, 0, syntax)
        for number, text in enumerate(texts.split(), 1)
    ]
    root, strays = build(rules()["INVOIC"], segments)
    line, summary = next(root.under("LIN")), next(root.under("UNS"))

    def said(found: Iterator[Segment]) -> list[str]:
        return [f"{segment.tag}+{segment.get(1)}" for segment in found]

    assert strays == []
    assert said(line.every("MOA")) == ["MOA+203"]
    assert [said(group.every("MOA")) for group in line.groups] == [["MOA+124"], ["MOA+8"], []]
    assert said(summary.every("MOA")) == ["MOA+79", "MOA+77"]
    assert said(next(summary.under("TAX")).every("MOA")) == ["MOA+124"]
    assert said(node.segment for node in next(root.under("NAD")).groups) == ["RFF+VA"]


class _Endless(Source):
    """A long interchange that is made while it is read."""

    mark = "made"

    def __init__(self, count: int) -> None:
        self.count = count

    @property
    def size(self) -> int:
        return self.count * 200

    def chunks(self) -> Iterator[bytes]:
        yield b"UNB+UNOC:3+S+R+260504:1030+1'"
        for start in range(0, self.count, 100):
            yield "".join(order(str(n)) for n in range(start, start + 100)).encode()
        yield b"UNZ+%d+1'" % self.count

    def whole(self) -> bytes:
        return b"".join(self.chunks())


def test_a_long_interchange_is_read_message_by_message() -> None:
    findings, peak, count = Findings(), 0, 0
    tracemalloc.start()
    for record in read_edifact(_Endless(1_500), Context(), findings):
        count += isinstance(record, PurchaseOrder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, findings.proof.holds) == (1_500, True)
    assert peak < 8_000_000


def test_the_last_record_is_the_envelope_for_every_cut() -> None:
    body = data("invoic-eancom")
    for at in range(0, len(body) - 2, 37):
        reading = read(body[:at])
        assert isinstance(reading.records[-1], Interchange)
        assert not reading.proof.holds
        assert all(isinstance(problem, Problem) for problem in reading.diagnostics)


def test_missing_segments_are_not_made_up() -> None:
    for segment in ("BGM+", "DTM+137", "LIN+1", "UNS+S"):
        body = without(data("invoic-credit"), segment)
        assert (read(body).proof.set_aside, len(read(body).records)) == (1, 1), segment


def test_bytes_are_a_source() -> None:
    assert read(Bytes(interchange(order())).whole()).proof.holds
