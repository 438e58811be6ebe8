"""The envelope: counts and control numbers at every level, and what is refused by whom."""

from datetime import date

import pytest
from tests.formats.x12.kit import a_group, a_set, envelope, file_of, isa, read, records, said

from tieout.formats.detect import detect
from tieout.model.documents import Acknowledgment, EnvelopeGroup, EnvelopePart, Interchange

ANSWER = "BAK*06*AD*PO-77*20260501****R-1*20260502"
ONE = a_set("855", ANSWER)
GOOD = file_of(a_group("855", ONE, a_set("855", ANSWER.replace("77", "78"), "0002")))


def test_the_envelope_is_the_last_record() -> None:
    reading = read(GOOD)
    assert reading.proof.holds
    assert envelope(reading) == Interchange(
        standard="x12",
        sender="ACMEPARTS",
        receiver="NORTHWIND",
        control="000000101",
        prepared_on=date(2026, 5, 27),
        version="00401",
        groups=(
            EnvelopeGroup(
                kind="PR",
                control="7",
                version="004010",
                declared=2,
                counted=2,
                sender="ACMEPARTS",
                receiver="NORTHWIND",
            ),
        ),
        parts=(
            EnvelopePart(kind="855", control="0001", group="7", offset=GOOD.index(b"ST*")),
            EnvelopePart(kind="855", control="0002", group="7", offset=GOOD.rindex(b"ST*")),
        ),
        sender_qualifier="ZZ",
        receiver_qualifier="ZZ",
    )
    assert [record.order_id for record in records(reading)] == ["PO-77", "PO-78"]


@pytest.mark.parametrize(
    ("was", "wrong", "where"),
    [
        ("GE*2*7", "GE*1*7", "GE01"),
        ("GE*2*7", "GE*x*7", "GE01"),
        ("GE*2*7", "GE*2*8", "GE02"),
        ("GE*2*7~\n", "", "GS"),
        ("IEA*1*", "IEA*2*", "IEA01"),
        ("IEA*1*000000101", "IEA*1*000000102", "IEA02"),
        ("IEA*1*000000101~\n", "", "ISA"),
        ("IEA*1*000000101~\n", "IEA*1*000000101~\nBEG*00~\n", "BEG"),
        ("IEA*1*000000101~\n", "IEA*1*000000101~\ngarbage", "byte"),
        ("IEA*1*000000101~\n", "IEA*1*000000101~\nIEA*1*000000101~\n", "IEA"),
        ("ACMEPARTS      *", "ACMEPARTS     *", "ISA06"),
        ("*000000101*0", "*00000010X*0", "ISA13"),
        ("ACMEPARTS      *ZZ", "               *ZZ", "ISA06"),
        ("GS*PR", "GS*", "GS01"),
        ("SE*3*0001~\n", "SE*3*0001~\nN1*ST*Stray~\n", "N1"),
        ("GS*PR*", "ZZ1*PR*", "ZZ1"),
        ("\nST*", "\n~ST*", "segment"),
    ],
)
def test_a_broken_envelope_refuses_everything(was: str, wrong: str, where: str) -> None:
    assert was.encode() in GOOD
    reading = read(GOOD.replace(was.encode(), wrong.encode(), 1))
    assert not reading.proof.holds
    problems = envelope(reading).problems
    assert problems
    assert problems[0].where.startswith(where), problems


@pytest.mark.parametrize(
    ("was", "wrong", "reason"),
    [
        ("SE*3*0001", "SE*4*0001", "SE01"),
        ("SE*3*0001", "SE**0001", "SE01"),
        ("SE*3*0001", "SE*3*0009", "SE02"),
        ("SE*3*0001~\n", "", "ST"),
        ("ST*855*0002", "ST*855*0001", "ST02"),
        ("ST*855*0001", "ST*855*", "ST02"),
        ("ST*855*0001", "ST*850*0001", "ST01"),
        ("ST*855*0001", "ST*837*0001", "ST01"),
        ("BAK*", "b?k*", "b?k"),
        ("BAK*", f"{'B' * 500}*", "segment"),
        ("\nBAK*", "\n~BAK*", "SE01"),
    ],
)
def test_a_broken_set_is_refused_by_itself(was: str, wrong: str, reason: str) -> None:
    assert was.encode() in GOOD
    reading = read(GOOD.replace(was.encode(), wrong.encode(), 1))
    assert reading.proof.holds, reading.diagnostics
    assert reading.proof.set_aside == len(records(reading)) == 1
    (refused,) = [part for part in envelope(reading).parts if not part.accepted]
    assert any(f", {reason} (segment" in problem.where for problem in refused.problems), refused.problems


def test_a_set_that_nobody_reads_says_so() -> None:
    reading = read(file_of(a_group("837", a_set("837", "BHT*0019*00*1*20260527"))))
    assert (reading.proof.holds, records(reading), reading.proof.set_aside) == (True, [], 1)
    assert any("no reader for 837" in text for text in said(reading))


@pytest.mark.parametrize("at", range(1, len(GOOD) - 2, 7))
def test_a_file_cut_off_anywhere_is_not_taken(at: int) -> None:
    reading = read(GOOD[:at])
    assert not reading.proof.holds
    assert envelope(reading).problems


def test_several_interchanges_each_with_its_own_signs() -> None:
    other = file_of(a_group("855", ONE), control="000000102").replace(b"*", b"|").replace(b"~\n", b"!")
    third = file_of(a_group("855", ONE), control="000000103")
    reading = read(GOOD + b"\r\n" + other + third + third.replace(b"000000103", b"000000104"))
    assert reading.proof.holds, reading.diagnostics
    found = [record.control for record in reading.records if isinstance(record, Interchange)]
    assert found == ["000000101", "000000102", "000000103", "000000104"]
    assert len(records(reading)) == 5


def test_control_numbers_used_twice_are_refused() -> None:
    assert not read(GOOD + GOOD).proof.holds
    assert not read(file_of(a_group("855", ONE), a_group("855", ONE))).proof.holds
    assert read(file_of(a_group("855", ONE), a_group("855", ONE, control="8"))).proof.holds


def test_zeros_in_front_of_control_numbers_do_not_count() -> None:
    assert read(GOOD.replace(b"GE*2*7", b"GE*2*000007").replace(b"IEA*1*0000", b"IEA*1*")).proof.holds


def test_a_word_about_an_interchange_of_ours() -> None:
    told = f"{isa()}TA1*000000042*260526*1200*R*025~IEA*0*000000101~".encode()
    reading = read(told)
    assert reading.proof.holds
    (found,) = records(reading)
    assert isinstance(found, Acknowledgment)
    assert (found.kind, found.status, found.interchange) == ("TA1", "rejected", "000000042")
    assert [problem.actual for problem in found.problems] == ["025"]


def test_a_test_interchange_is_marked() -> None:
    reading = read(file_of(a_group("855", ONE), test="T"))
    assert envelope(reading).test
    assert any("a test interchange" in text for text in said(reading))


@pytest.mark.parametrize(
    ("head", "name"),
    [(GOOD, "x12"), (b"\xef\xbb\xbf" + GOOD, "x12"), (b"\r\n" + GOOD, "x12"), (b"ISABELLA wrote", "unknown")],
)
def test_it_is_recognised_by_its_beginning(head: bytes, name: str) -> None:
    assert detect(head) == name


def test_what_is_written_in_the_signs_of_old_and_new_versions() -> None:
    newer = GOOD.replace(b"*U*00401*", b"*^*00501*").replace(b"~\n", b"\r\n")
    assert read(newer).proof.holds
    assert len(records(read(newer))) == 2


def test_an_answer_from_nobody_is_refused_and_does_not_raise() -> None:
    answer = a_set("997", "AK1*PO*7\nAK9*A*1*1*1")
    reading = read(file_of(a_group("997", answer, names="*"), sender="", receiver=""))
    assert not reading.proof.holds
    assert [problem.where.partition(",")[0] for problem in envelope(reading).problems] == ["ISA06", "ISA08"]
