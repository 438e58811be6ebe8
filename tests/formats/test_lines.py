"""Lines in constant memory, and records as tables that read and write."""

import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.formats.lines import (
    AMOUNT,
    DDMMYYYY,
    DIGITS,
    LINE_MAX,
    MMDDYY,
    RIGHT,
    TEXT,
    YYDDD,
    YYMMDD,
    YYYYMMDD,
    Field,
    Kind,
    Layout,
    Line,
    lines,
)
from tieout.formats.reading import Findings, Limits
from tieout.formats.source import Bytes
from tieout.kernel.problem import Code, Problem


class Pieces(Bytes):
    """A document that comes in pieces of a few bytes."""

    def __init__(self, body: bytes, size: int) -> None:
        super().__init__(body)
        self.piece = size

    def chunks(self):
        body = self.whole()
        return (body[start : start + self.piece] for start in range(0, len(body), self.piece))


def texts(body: bytes, **options: object) -> list[object]:
    return [
        found.text if isinstance(found, Line) else (found.code, found.where)
        for found in lines(Bytes(body), Limits(), **options)  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_in_three_ways_and_know_where_they_stand(end: bytes) -> None:
    body = b"\xef\xbb\xbf" + end.join([b"one", b"", b"two\tand", b"three"])
    found = [line for line in lines(Bytes(body), Limits()) if isinstance(line, Line)]
    assert [(line.text, line.number) for line in found] == [("one", 1), ("two\tand", 3), ("three", 4)]
    assert [body[line.offset :].removeprefix(b"\xef\xbb\xbf")[:3] for line in found] == [b"one", b"two", b"thr"]


@given(
    st.lists(st.text(string.ascii_letters + " ", max_size=9), max_size=9),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 7),
)
def test_pieces_do_not_matter(rows: list[str], end: str, size: int) -> None:
    body = end.join(rows).encode()
    assert list(lines(Pieces(body, size), Limits())) == list(lines(Bytes(body), Limits()))


@given(st.lists(st.text(string.ascii_uppercase, min_size=8, max_size=8), min_size=2, max_size=9), st.integers(10, 40))
def test_records_are_the_same_trimmed_padded_or_run_together(rows: list[str], size: int) -> None:
    records = [row.ljust(10) for row in rows]
    for body in (
        "\n".join(rows),
        "\r\n".join(records) + "\r\n",
        "".join(records),
        "\n".join(f"{row}  " for row in records),
    ):
        found = list(lines(Pieces(body.encode(), size * 2), Limits(), width=10))
        assert [line.text for line in found if isinstance(line, Line)] == records


def test_a_record_that_is_too_long_is_a_problem_and_the_next_one_is_read() -> None:
    assert texts(b"1234\n123456\n12\n", width=4) == ["1234", (Code.BAD_VALUE, "line 2"), "12  "]


def test_control_characters_are_problems_unless_the_network_put_them_there() -> None:
    assert texts(b"a\nb\0b\nc\n") == ["a", (Code.UNREADABLE, "line 2, byte 3"), "c"]
    assert texts(b"\x01a\nb\x03\n", dropped=b"\x01\x03") == ["a", "b"]
    assert texts(b"a\n\x1a\x1a\x1a") == ["a"]


def test_encodings() -> None:
    assert texts("é\n".encode(), encoding="") == ["é"]
    assert texts("é €\n".encode("cp1252"), encoding="") == ["é €"]
    assert texts("é\n".encode("latin-1")) == ["é"]
    assert texts(b"\xff\n", encoding="utf-8") == [(Code.UNREADABLE, "line 1, byte 0")]


def test_budgets() -> None:
    assert list(lines(Bytes(b"a\nb\nc\n"), Limits(elements_max=2)))[2:] == [
        Problem(Code.TOO_LARGE, "line 3", limit="2 lines")
    ]
    found = list(lines(Bytes(b"x" * (LINE_MAX + 100_000)), Limits()))
    assert [problem.code for problem in found if isinstance(problem, Problem)] == [Code.TOO_LARGE]


# ── records ────────────────────────────────────────────────────────────────────────────────────────────────────────

RECORD = Layout(
    "detail",
    "42",
    (
        Field("name", 3, 10),
        Field("account", 13, 6, DIGITS),
        Field("amount", 19, 8, AMOUNT),
        Field("day", 27, 6, YYMMDD),
        Field("route", 33, 5, RIGHT),
    ),
    40,
)


def test_one_table_reads_and_writes() -> None:
    text = "42Kontor    00471100001234260531  7-1   "
    values = {"name": "Kontor", "account": "004711", "amount": "1234", "day": "2026-05-31", "route": "7-1"}
    findings = Findings()
    assert RECORD.read(Line(text, 0, 1), findings) == values
    assert RECORD.write(values) == text
    assert not findings.diagnostics()


def test_a_wrong_field_is_told_with_its_record_and_byte_and_is_then_blank() -> None:
    findings = Findings()
    values = RECORD.read(Line("42Kontor    00471100O01234260231  7-1   ", 82, 3), findings)
    assert (values["amount"], values["day"], findings.complete) == ("", "", False)
    assert findings.diagnostics() == (
        Problem(Code.BAD_VALUE, "detail/amount, byte 100", expected="digits of an amount", actual="00O01234"),
        Problem(Code.BAD_VALUE, "detail/day, byte 108", expected="a day (YYMMDD)", actual="260231"),
    )


def test_blank_fields_are_empty_and_a_short_line_has_blank_fields() -> None:
    blank = {"name": "x", "account": "", "amount": "", "day": "", "route": ""}
    assert RECORD.read(Line("42x", 0, 1), Findings()) == blank
    assert RECORD.read(Line("42x".ljust(26) + "000000", 0, 1), Findings())["day"] == ""


def test_what_does_not_fit_is_told_before_and_refused_on_writing() -> None:
    values = {"name": "much too long for it", "amount": "12x", "day": "2026-02-30"}
    assert [(problem.where, problem.code) for problem in RECORD.misfits(values)] == [
        ("name", Code.TOO_LARGE),
        ("amount", Code.BAD_VALUE),
        ("day", Code.BAD_VALUE),
    ]
    with pytest.raises(ValueError, match="detail/name"):
        RECORD.write(values)


@pytest.mark.parametrize(
    ("kind", "text", "day"),
    [
        (YYMMDD, "991231", "1999-12-31"),
        (YYMMDD, "260531", "2026-05-31"),
        (MMDDYY, "053126", "2026-05-31"),
        (YYYYMMDD, "20260531", "2026-05-31"),
        (DDMMYYYY, "31052026", "2026-05-31"),
        (YYDDD, "26151", "2026-05-31"),
        (YYDDD, "24366", "2024-12-31"),
        (YYDDD, "26366", None),
        (YYMMDD, "２６０５３１", None),
        (YYMMDD, "2605", None),
    ],
)
def test_days(kind: Kind, text: str, day: str | None) -> None:
    assert kind.read(text) == day
    assert day is None or kind.write(day, len(text)) == text


@given(
    st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=10),
    st.integers(0, 999_999),
    st.integers(0, 99_999_999),
    st.dates(date(1980, 1, 1), date(2079, 12, 31)),
)
def test_what_is_written_is_read_back(name: str, account: int, amount: int, day: date) -> None:
    values = {
        "name": name,
        "account": f"{account:06}",
        "amount": str(amount),
        "day": day.isoformat(),
        "route": name[:5],
    }
    assert not list(RECORD.misfits(values))
    assert RECORD.read(Line(RECORD.write(values), 0, 1), Findings()) == values
    ordinal = YYDDD.write(day.isoformat(), 5)
    assert YYDDD.read(ordinal) == day.isoformat()
    assert TEXT.read(TEXT.write(name, 20)) == name
