"""Delimited segments: the same segments and byte offsets, however the file is written."""

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.formats.reading import Limits
from tieout.formats.segments import SEGMENT_MAX, Segment, Syntax, divided, resolved, tokens
from tieout.formats.source import Bytes, Source
from tieout.kernel.problem import Code, Problem

X12 = Syntax("*", "~", ">", "^")
EDIFACT = Syntax("+", "'", ":", "", "?", ",")
LIMITS = Limits()


def cut(body: bytes, syntax: Syntax = X12, encoding: str = "utf-8 latin-1", start: int = 0) -> list[Segment | Problem]:
    return list(tokens(Bytes(body), syntax, encoding, LIMITS, start))


def plain(found: list[Segment | Problem]) -> list[tuple[str, list[str], int]]:
    assert all(isinstance(one, Segment) for one in found), found
    return [(one.tag, one.elements, one.offset) for one in found if isinstance(one, Segment)]


class Trickle(Source):
    """A source that gives its bytes in pieces of any size, as a network would."""

    def __init__(self, body: bytes, size: int) -> None:
        self.body, self.piece = body, size

    @property
    def size(self) -> int:
        return len(self.body)

    @property
    def mark(self) -> str:
        return ""

    def chunks(self) -> Iterator[bytes]:
        return (self.body[at : at + self.piece] for at in range(0, len(self.body), self.piece))

    def whole(self) -> bytes:
        return self.body


@pytest.mark.parametrize("ending", ["~", "~\n", "~\r\n", "~\n\n", "~ \n", "~\n\t  "])
def test_line_breaks_and_blanks_after_terminators_are_no_data(ending: str) -> None:
    body = ending.join(["BEG*00*SA*4500", "N1*ST*Store 7", "CTT*1", ""]).encode()
    assert [(one[0], one[1]) for one in plain(cut(body))] == [
        ("BEG", ["00", "SA", "4500"]),
        ("N1", ["ST", "Store 7"]),
        ("CTT", ["1"]),
    ]
    assert all(body[at:].startswith(tag.encode()) for tag, _, at in plain(cut(body)))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_line_break_may_be_the_terminator(ending: str) -> None:
    body = ending.join(["BEG*00", "", "CTT*1"]).encode()
    syntax = Syntax("*", "\n", ">")
    assert [one[:2] for one in plain(cut(body, syntax))] == [("BEG", ["00"]), ("CTT", ["1"])]


def test_a_file_wrapped_at_80_columns_is_read_as_if_it_were_not() -> None:
    flat = b"BEG*00*SA*4500012345~N1*ST*A store with a long name*92*0007~CTT*1~"
    wrapped = b"\r\n".join(flat[at : at + 20] for at in range(0, len(flat), 20))
    assert [one[:2] for one in plain(cut(wrapped))] == [one[:2] for one in plain(cut(flat))]
    assert [wrapped[at : at + 1] for _, _, at in plain(cut(wrapped))] == [b"B", b"N", b"C"]


def test_letters_beyond_ascii_keep_the_byte_offsets_right() -> None:
    body = "N1*SE*Müller & Søn~N1*BY*東京~CTT*1~".encode()
    found = plain(cut(body))
    assert [one[1] for one in found] == [["SE", "Müller & Søn"], ["BY", "東京"], ["1"]]
    assert [body[at : at + 2] for _, _, at in found] == [b"N1", b"N1", b"CT"]


def test_latin_1_where_it_is_no_utf_8_and_a_problem_where_neither_is_allowed() -> None:
    body = "N1*SE*Müller~".encode("latin-1")
    assert plain(cut(body)) == [("N1", ["SE", "Müller"], 0)]
    assert cut(body, encoding="utf-8") == [Problem(Code.UNREADABLE, "byte 0", "text in utf-8", "N1*SE*Müller")]
    assert cut(body + b"CTT*1~", encoding="ascii")[1:] == []


def test_a_terminator_may_be_any_letter() -> None:
    body = "N1*SE*Acme…CTT*1…".encode()
    assert plain(cut(body, Syntax("*", "…", ">"))) == [("N1", ["SE", "Acme"], 0), ("CTT", ["1"], 13)]


def test_release_characters_take_the_meaning_from_a_sign() -> None:
    body = b"FTX+AAI+++50 ?+ 3 ??:it?'s ?:fine:second'NAD+BY+x??'UNT+1'"
    found = cut(body, EDIFACT)
    assert all(isinstance(one, Segment) for one in found)
    ftx, nad, unt = (one for one in found if isinstance(one, Segment))
    assert ftx.parts(4) == ("50 + 3 ?", "it's :fine", "second")
    assert nad.get(2) == "x?"
    assert (unt.tag, body[unt.offset : unt.offset + 3]) == ("UNT", b"UNT")


@pytest.mark.parametrize(
    ("body", "left"),
    [(b"BEG*00~N1*S", "N1*S"), (b"BEG*00~ garbage", "garbage"), (b"no terminator at all", "no terminator at all")],
)
def test_data_that_ends_inside_a_segment_is_a_problem(body: bytes, left: str) -> None:
    found = cut(body)[-1]
    assert isinstance(found, Problem)
    assert (found.code, found.actual, found.detail) == (Code.UNREADABLE, left, "the data ends inside a segment")


@pytest.mark.parametrize("body", [b"UNT+1?'", b"UNT+1???'"])
def test_a_released_terminator_is_none(body: bytes) -> None:
    (found,) = cut(body, EDIFACT)
    assert isinstance(found, Problem)
    assert found.code is Code.UNREADABLE


def test_what_dos_leaves_at_the_end_is_nothing() -> None:
    assert len(plain(cut(b"CTT*1~\r\n\x1a\0"))) == 1
    assert cut(b"") == cut(b" \r\n") == []


def test_an_empty_segment_is_given_since_no_standard_has_one() -> None:
    assert [one[0] for one in plain(cut(b"BEG*00~~CTT*1~"))] == ["BEG", "", "CTT"]
    assert [one[0] for one in plain(cut(b"BEG*00~\n~\nCTT*1~\n"))] == ["BEG", "", "CTT"]


def test_reading_may_begin_anywhere() -> None:
    body = b"BEG*00~" * 30_000 + b"CTT*1~"
    assert plain(cut(body, start=7 * 30_000)) == [("CTT", ["1"], 210_000)]


def test_elements_components_and_repetitions() -> None:
    (one,) = (found for found in cut(b"REF*IA**A>B>*x^y~") if isinstance(found, Segment))
    assert (one.get(1), one.get(2), one.get(9)) == ("IA", "", "")
    assert (one.parts(3), one.parts(2), one.parts(9), one.repeats(4)) == (("A", "B", ""), (), (), ("x", "y"))
    assert one.where == "REF (segment 1), byte 0"


def test_a_giant_segment_and_too_many_elements_end_the_reading() -> None:
    giant = cut(b"BEG*00~" + b"x" * (SEGMENT_MAX + 300_000) + b"~")
    assert isinstance(giant[-1], Problem)
    assert giant[-1].code is Code.TOO_LARGE
    few = list(tokens(Bytes(b"a*b*c~" * 10), X12, "utf-8", Limits(elements_max=20)))
    assert [one.code for one in few if isinstance(one, Problem)] == [Code.TOO_LARGE]


def test_memory_stays_small_however_long_the_file_is() -> None:
    class Endless(Trickle):
        def chunks(self) -> Iterator[bytes]:
            return (b"IT1*1*16*CA*12.34**UA*002840022222~\n" * 1_800 for _ in range(300))

    tracemalloc.start()
    count = sum(1 for _ in tokens(Endless(b"", 1), X12, "utf-8", LIMITS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 540_000
    assert peak < 8 * 2**20


def test_a_line_break_may_fall_between_two_blocks() -> None:
    first = b"A*" + b"x" * (128 * 1024 - 3) + b"~"
    found = plain(cut(first + b"\nCTT*1~\nCTT*2~\n"))
    assert [(tag, at) for tag, _, at in found] == [("A", 0), ("CTT", 131_073), ("CTT", 131_080)]


WORDS = st.text(st.sampled_from("abc1 '+:?~*>ü"), max_size=6)


def released(text: str) -> str:
    return "".join(f"?{sign}" if sign in "'+:?" else sign for sign in text)


@given(st.lists(st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=3), max_size=12), st.data())
def test_what_is_written_with_releases_is_read_back(rows: list[list[list[str]]], data: st.DataObject) -> None:
    ending = data.draw(st.sampled_from(["'", "'\n", "'\r\n"]))
    body = "".join(
        "+".join(["SEG", *(":".join(map(released, parts)) for parts in row)]) + ending for row in rows
    ).encode()
    pieces = data.draw(st.integers(1, 40))
    found = list(tokens(Trickle(body, pieces), EDIFACT, "utf-8", LIMITS))
    assert [[list(one.parts(at)) for at in range(1, 4)] for one in found if isinstance(one, Segment)] == [
        [row[at] if at < len(row) and row[at] != [""] else [] for at in range(3)] for row in rows
    ]
    assert all(body[one.offset : one.offset + 3] == b"SEG" for one in found if isinstance(one, Segment))
    assert [one.number for one in found if isinstance(one, Segment)] == list(range(1, len(rows) + 1))


@given(st.text(st.sampled_from("?:ab"), max_size=10))
def test_resolving_undoes_releasing(text: str) -> None:
    assert resolved(released(text), "?") == text
    assert divided(released(text), ":", "?") == [released(text)]


@given(st.binary(max_size=300), st.sampled_from([X12, EDIFACT, Syntax("*", "\n", ">")]))
def test_no_bytes_make_it_raise(body: bytes, syntax: Syntax) -> None:
    found = cut(body, syntax)
    assert all(isinstance(one, Segment) for one in found[:-1])
