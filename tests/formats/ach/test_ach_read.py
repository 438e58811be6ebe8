"""Returns, changes and acknowledgments of our payments; entries for our accounts; and proof that nothing is missing."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.ach.files import HEADER, PADDING, batch, changed, entry, file, returned, text

from tieout.conformance.formats import Broken, ReaderConformance, truncated
from tieout.formats.ach import is_ach
from tieout.formats.ach.answers import RETURN_TIMES
from tieout.formats.ach.answers import RETURNS as RETURNS_LIST
from tieout.formats.ach.read import read_ach
from tieout.formats.detect import detect
from tieout.formats.detect import read as read_any
from tieout.formats.format import Head
from tieout.formats.reading import Context, Limits, Reading, gather, spot
from tieout.formats.source import Bytes
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import BankAccount, BusinessResponse, ChangeNotice, PaymentReturn, StatementEntry
from tieout.model.facts import EntriesNotified

BANK, OTHER = "021000021", "231380104"
TRACE, ORIGINAL = "021000020000001", "091000010000007"
RETURN = entry("21", BANK, "12345678", 12_345, "PAY0001", "NUTS AND BOLTS LLC", TRACE, 1)
NOTICE = entry("21", BANK, "12345678", 0, "PAY0001", "NUTS AND BOLTS LLC", TRACE, 1)
PAYMENT = entry("22", OTHER, "744-5678-99", 100, "INV 1", "SOMEBODY", TRACE)


def read(body: bytes, **context: Any) -> Reading[Any]:
    return gather(read_ach, body, Context(**context), "ach")


def codes(reading: Reading[Any]) -> list[Code]:
    return [problem.code for problem in reading.diagnostics]


RETURNS = text(file(batch("CCD", RETURN, returned("R03", ORIGINAL, TRACE, "NO SUCH ACCOUNT"))))


# ── returns ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_return_says_which_payment_came_back_and_why() -> None:
    reading = read(RETURNS)
    assert reading.records == (
        PaymentReturn(
            return_id="2026-06-03/021000020000001/R03",
            payment_ref="PAY0001",
            amount=Money(12_345, "USD"),
            reason_code="R03",
            reason="there is no such account, or it is not that person's: NO SUCH ACCOUNT",
            returned_on=date(2026, 6, 3),
            original_trace=ORIGINAL,
            counterparty="NUTS AND BOLTS LLC",
        ),
    )
    assert reading.proof.holds
    assert reading.diagnostics == ()
    assert [(claim.name, claim.declared) for claim in reading.proof.claims] == [
        ("number of entries and addenda of batch 1", "2"),
        ("hash of routing numbers of batch 1", "2100002"),
        ("total of debits in cents of batch 1", "0"),
        ("total of credits in cents of batch 1", "12345"),
        ("number of batches of the file", "1"),
        ("number of entries and addenda of the file", "2"),
        ("hash of routing numbers of the file", "2100002"),
        ("total of debits in cents of the file", "0"),
        ("total of credits in cents of the file", "12345"),
        ("number of blocks of the file", "1"),
    ]


def test_the_return_of_a_trade_payment_has_the_name_further_on() -> None:
    record = entry("21", BANK, "1", 5, "PAY0002", "0003BIG BUYER CO", TRACE, 1)
    (found,) = read(text(file(batch("CTX", record, returned("R02", ORIGINAL, TRACE))))).records
    assert (found.payment_ref, found.counterparty) == ("PAY0002", "BIG BUYER CO")


def test_an_unknown_reason_is_handed_on_and_told() -> None:
    reading = read(text(file(batch("CCD", RETURN, returned("R97", ORIGINAL, TRACE)))))
    assert [(record.reason_code, record.reason) for record in reading.records] == [("R97", "")]
    assert codes(reading) == [Code.UNKNOWN_CODE]
    assert reading.proof.holds


def test_a_dispute_about_a_return_names_its_own_fields() -> None:
    dishonored = f"799R68{ORIGINAL}{'':6}09100001{'':3}{TRACE}15502UNTIMELY{'':13}091000010000009"
    contested = f"799R73{ORIGINAL}26060109100001150{TRACE}1550209100001000000915668 {TRACE}"
    reading = read(text(file(batch("CCD", RETURN, dishonored, contested))))
    assert [(record.reason_code, record.reason, record.original_trace) for record in reading.records] == [
        ("R68", "dishonored: the return came too late: UNTIMELY", ORIGINAL),
        ("R73", "contested: the return was in time", ORIGINAL),
    ]
    assert codes(reading) == [Code.UNSUPPORTED_CONTENT]
    assert "may not be coming back" in reading.diagnostics[0].detail


def test_a_debit_that_comes_back_is_told_apart() -> None:
    record = entry("26", BANK, "1", 5, "DUES 7", "A MEMBER", TRACE, 1)
    reading = read(text(file(batch("PPD", record, returned("R01", ORIGINAL, TRACE)))))
    assert [record.amount for record in reading.records] == [Money(5, "USD")]
    assert "not a payment that we made" in reading.diagnostics[0].detail


def test_an_international_return_has_its_name_and_amount_in_addenda() -> None:
    record = f"621{BANK}0008{'':13}{700:010}{'DE89370400440532013000':35}{'':2}  1{TRACE}"
    addenda = (
        f"710BUS{700:018}{'FOREIGN-1':22}{'SCHRAUBEN GMBH':35}{'':6}0000001",
        f"711{'ACME INC':35}{'1 MAIN STREET':35}{'':14}0000001",
        f"715{'PAY0003':15}{'LANGE STR. 1':35}{'':34}0000001",
        f"799R84{ORIGINAL}{'':6}09100001{700:010}{'GATEWAY SAYS NO':34}{TRACE}",
    )
    reading = read(text(file(batch("IAT", record, *addenda))))
    assert [(found.payment_ref, found.counterparty, found.reason) for found in reading.records] == [
        ("PAY0003", "SCHRAUBEN GMBH", "international: the gateway did not process the entry: GATEWAY SAYS NO")
    ]
    assert reading.proof.holds
    assert reading.diagnostics == ()
    wrong = text(file(batch("IAT", record, *addenda))).replace(b"091000010000000700", b"091000010000000701")
    assert codes(read(wrong)) == [Code.BAD_VALUE]


def test_every_return_code_says_until_when_it_may_come_or_is_no_return_of_a_bank() -> None:
    timeless = {code for code in RETURNS_LIST.codes if code not in RETURN_TIMES}
    enrollment = {f"R{number}" for number in range(40, 48)}
    withdrawn = {f"R{number}" for number in range(63, 67)}
    assert timeless == enrollment | withdrawn | {"R80", "R81", "R82", "R83", "R84", "R85", "R90"}
    assert RETURN_TIMES.meaning("R01") == "2 banking days"
    assert RETURN_TIMES.meaning("R10") == "60 calendar days"
    assert set(RETURN_TIMES.codes) <= set(RETURNS_LIST.codes)


# ── notifications of change ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "data", "account"),
    [
        ("C01", "1918171614", {"number": "1918171614"}),
        ("C02", OTHER, {"clearing": f"USABA{OTHER}"}),
        ("C03", f"{OTHER}   1918171614", {"clearing": f"USABA{OTHER}", "number": "1918171614"}),
        ("C03", f"{OTHER} 1918171614", {"clearing": f"USABA{OTHER}", "number": "1918171614"}),
        ("C04", "NUTS LLC", {"holder": "NUTS LLC"}),
        ("C05", "32", {"kind": "savings"}),
        ("C06", f"{'1918171614':17}   22", {"number": "1918171614", "kind": "checking"}),
        ("C06", "1918171614  37", {"number": "1918171614", "kind": "savings"}),
        (
            "C07",
            f"{OTHER}{'1918171614':17}27",
            {"clearing": f"USABA{OTHER}", "number": "1918171614", "kind": "checking"},
        ),
        ("C07", f"{OTHER}1918171614 37", {"clearing": f"USABA{OTHER}", "number": "1918171614", "kind": "savings"}),
    ],
)
def test_a_change_says_what_the_account_should_be(code: str, data: str, account: dict[str, str]) -> None:
    reading = read(text(file(batch("COR", NOTICE, changed(code, ORIGINAL, TRACE, data)))))
    (notice,) = reading.records
    assert notice == ChangeNotice(
        notice_id=f"2026-06-03/{TRACE}/{code}",
        payment_ref="PAY0001",
        change_code=code,
        account=BankAccount(**({"iban": "", "holder": ""} | account)),
        meaning=notice.meaning,
        original_trace=ORIGINAL,
    )
    assert notice.meaning
    assert reading.proof.holds
    assert reading.diagnostics == ()


@pytest.mark.parametrize(
    ("code", "data"),
    [("C02", "021000022"), ("C02", ""), ("C05", "99"), ("C06", "1918171614"), ("C07", "1"), ("C03", "ABC")],
)
def test_unclear_corrected_data_never_become_an_account(code: str, data: str) -> None:
    reading = read(text(file(batch("COR", NOTICE, changed(code, ORIGINAL, TRACE, data)))))
    (notice,) = reading.records
    assert notice.account == BankAccount(iban="", holder="")
    assert notice.meaning.endswith(data)
    assert codes(reading) == [Code.BAD_VALUE]


def test_a_change_that_our_bank_refused_asks_nothing_of_us() -> None:
    reading = read(text(file(batch("COR", NOTICE, changed("C65", ORIGINAL, TRACE, "1918171614     C010000001")))))
    assert reading.records == ()
    assert codes(reading) == [Code.UNSUPPORTED_CONTENT]


# ── acknowledgments, entries for us, entries of others ─────────────────────────────────────────────────────────────


def test_the_payee_acknowledges_a_payment() -> None:
    record = entry("24", BANK, "1", 0, ORIGINAL, "NUTS AND BOLTS LLC", TRACE)
    assert read(text(file(batch("ACK", record)))).records == (
        BusinessResponse(
            response_id=f"2026-06-02/{TRACE}",
            about_kind="payment",
            about_number=ORIGINAL,
            status="AB",
            sender="NUTS AND BOLTS LLC",
            responded_on=date(2026, 6, 3),
        ),
    )


@pytest.mark.parametrize("ours", [f"USABA{OTHER}/744567899", "744-5678-99"])
def test_a_credit_for_our_account_is_told_before_the_statement(ours: str) -> None:
    record = entry("22", OTHER, "744-5678-99", 4_200, "CUST 77", "ACME INC", TRACE, 1)
    addendum = f"705{'RMR*IV*4711**42.00' + chr(92):80}00010000001"
    stranger = entry("22", OTHER, "744567898", 1, "X", "X", "021000020000002")
    debit = entry("27", OTHER, "744-5678-99", 100, "FEE", "ACME INC", "021000020000003")
    body = text(file(batch("CCD", record, addendum, stranger, debit, company="BIG BUYER CO")))
    reading = read(body, entities_by_iban={ours: "us"})
    common = {"booked_on": date(2026, 6, 3), "value_on": date(2026, 6, 3), "status": "PDNG"}
    assert reading.records == (
        EntriesNotified(
            iban=ours,
            entity="us",
            entries=(
                StatementEntry(
                    entry_id=f"2026-06-02/1/{TRACE}",
                    amount=Money(4_200, "USD"),
                    end_to_end_id="CUST 77",
                    bank_reference=TRACE,
                    counterparty="BIG BUYER CO",
                    remittance="RMR*IV*4711**42.00\\",
                    type_code="NACHA CCD/22",
                    **common,
                ),
                StatementEntry(
                    entry_id="2026-06-02/1/021000020000003",
                    amount=Money(-100, "USD"),
                    end_to_end_id="FEE",
                    bank_reference="021000020000003",
                    counterparty="BIG BUYER CO",
                    remittance="VENDOR PAY",
                    type_code="NACHA CCD/27",
                    **common,
                ),
            ),
        ),
    )
    assert [(problem.code, problem.actual) for problem in reading.diagnostics] == [(Code.UNSUPPORTED_CONTENT, "1 CCD")]


def test_an_x12_remittance_over_many_addenda_is_joined_as_it_was_cut() -> None:
    payload = "ST*820*0001\\BPR*C*42*C*ACH*CTX\\N1*PR*ACME  INC\\RMR*IV*4711**42\\SE*5*0001\\" + " " * 5 + "X" * 40
    pieces = [payload[start : start + 80] for start in range(0, len(payload), 80)]
    record = entry("22", OTHER, "744567899", 4_200, "CUST 77", f"{len(pieces):04}ACME INC", TRACE, 1)
    addenda = [f"705{piece:80}{number:04}0000001" for number, piece in enumerate(pieces, 1)]
    (told,) = read(text(file(batch("CTX", record, *addenda))), entities_by_iban={"744567899": "us"}).records
    assert told.entries[0].remittance == payload


def test_a_file_that_somebody_originated_is_proved_and_told() -> None:
    reading = read(text(file(batch("CCD", PAYMENT), batch("PPD", PAYMENT, number=2))))
    assert reading.records == ()
    assert reading.proof.holds
    assert [(problem.code, problem.actual) for problem in reading.diagnostics] == [
        (Code.UNSUPPORTED_CONTENT, "1 CCD, 1 PPD")
    ]
    assert reading.diagnostics[0].detail.startswith("an origination file, not an answer of a bank")


def test_accounting_advices_have_wider_totals() -> None:
    advice = f"681{BANK}{'744-5678-99':15}{50_000:012}091000019FILE1 {'ACME INC':22}  0091000011540001"
    records = [
        HEADER,
        f"5280{'ACME INC':16}{'':20}1234567890ADV{'ADVICES':10}260601260602154009100001{1:07}",
        advice,
        f"8280{1:06}{2_100_002:010}{0:020}{50_000:020}{'OPERATOR':19}09100001{1:07}",
        f"9{1:06}{1:06}{1:08}{2_100_002:010}{0:020}{50_000:020}{'':23}",
    ]
    reading = read(text(records))
    assert reading.proof.holds, reading.diagnostics
    assert len(reading.proof.claims) == 10


# ── shapes of files ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(RETURNS.replace(b"\n", b""), id="without line ends"),
        pytest.param(RETURNS.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(b"\n".join(line.rstrip() for line in RETURNS.split(b"\n")), id="trimmed"),
        pytest.param(RETURNS.replace(PADDING.encode() + b"\n", b""), id="without padding"),
        pytest.param(RETURNS + (PADDING + "\n").encode() * 10, id="one block of padding too many"),
        pytest.param(b"\xef\xbb\xbf" + RETURNS + b"\x1a", id="a mark before and Control-Z behind"),
        pytest.param(
            RETURNS.replace(b"NUTS AND BOLTS LLC", b"N\xdcSSE UND BOLZEN L").replace(b"CCD", b"ccd"), id="Latin-1"
        ),
    ],
)
def test_the_same_file_in_other_shapes(body: bytes) -> None:
    assert is_ach(Head.of(Bytes(body)))
    reading = read(body)
    assert reading.proof.holds, reading.diagnostics
    assert [record.reason_code for record in reading.records] == ["R03"]


def test_a_file_without_entries_is_whole() -> None:
    reading = read(text(file()))
    assert reading.proof.holds
    assert reading.records == ()


def test_several_files_in_one_transmission() -> None:
    reading = read(RETURNS + RETURNS)
    assert reading.proof.holds
    assert len(reading.records) == 2
    assert len(reading.proof.claims) == 20


def test_more_entries_than_one_run() -> None:
    entries = [entry("22", OTHER, f"{number}", number, "X", "X", f"{number:015}") for number in range(1, 2_502)]
    reading = read(text(file(batch("PPD", *entries))), entities_by_iban={"2500": "us"})
    assert reading.proof.holds, reading.diagnostics
    assert [told.entries[0].amount for told in reading.records] == [Money(2_500, "USD")]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(BANK, "021000022", "entry/routing", id="a check digit"),
        pytest.param(
            "PAY0001        NUTS AND BOLTS LLC      1",
            "PAY0001        NUTS AND BOLTS LLC      0",
            "addenda",
            id="the indicator",
        ),
    ],
)
def test_what_is_worth_knowing_loses_nothing(old: str, new: str, said: str) -> None:
    reading = read(RETURNS.replace(old.encode(), new.encode()))
    assert reading.proof.holds
    assert [problem.code for problem in reading.diagnostics] == [Code.BAD_VALUE]
    assert said in reading.diagnostics[0].where


def test_traces_that_do_not_ascend_are_told_once() -> None:
    reading = read(text(file(batch("PPD", PAYMENT, PAYMENT, PAYMENT))))
    assert [problem.where.partition(",")[0] for problem in reading.diagnostics] == ["entry/trace", "entries"]


def test_addenda_are_numbered_and_counted() -> None:
    record = entry("22", OTHER, "1", 1, "X", "0003NAME", TRACE, 1)
    addenda = (f"705{'A':80}00010000001", f"705{'B':80}00030000001")
    reading = read(text(file(batch("CTX", record, *addenda))))
    assert not reading.proof.holds
    assert [(problem.code, problem.expected) for problem in reading.diagnostics][:2] == [
        (Code.BAD_VALUE, "0002"),
        (Code.TOTALS_DISAGREE, "2"),
    ]


# ── almost valid ───────────────────────────────────────────────────────────────────────────────────────────────────

BROKEN = {
    "the count of the batch": (b"8200000002", b"8200000003"),
    "the hash of the batch": (b"82000000020002100002", b"82000000020002100003"),
    "the debits of the batch": (
        b"0002100002000000000000000000012345123456",
        b"0002100002000000000001000000012345123456",
    ),
    "the credits of the batch": (b"0000000123451234567890", b"0000000123461234567890"),
    "the number of batches": (b"9000001000001", b"9000002000001"),
    "the number of blocks": (b"9000001000001", b"9000001000002"),
    "the count of the file": (b"900000100000100000002", b"900000100000100000001"),
    "an amount": (b"12345678         0000012345", b"12345678         0000012354"),
    "an amount with letters": (b"12345678         0000012345", b"12345678         00000A2345"),
    "an amount with blanks": (b"12345678         0000012345", b"12345678              12345"),
    "a superscript digit": (b"12345678         0000012345", b"12345678         000001234\xb9"),
    "a bank": (b"621021000021", b"62102I000021"),
    "a side": (b"621021000021", b"627021000021"),
    "an unknown transaction": (b"621021000021", b"699021000021"),
    "no batch header": (b"5200ACME", b"x200ACME"),
    "no entry": (b"621021000021", b"021021000021"),
    "no control of the batch": (b"8200000002", b"0200000002"),
    "no file header": (b"101 091000019", b"201 091000019"),
    "a NUL": (b"BOLTS", b"BO\0TS"),
    "a record that is too long": (b"BOLTS LLC ", b"BOLTS LLC  "),
    "a record that is too short": (b"NUTS AND BOLTS", b"NUTS BOLTS"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_almost_valid_files_are_not_proved(how: str) -> None:
    old, new = BROKEN[how]
    assert old in RETURNS
    body = RETURNS.replace(old, new, 1)
    reading = read(body)
    assert not reading.proof.holds or how == "a record that is too short", reading
    assert reading.diagnostics
    assert all(spot(problem.where) for problem in reading.diagnostics)


@pytest.mark.parametrize("cut", range(0, 94 * 6, 47))
def test_a_file_that_was_cut_off_is_not_proved(cut: int) -> None:
    reading = read(RETURNS[:cut])
    assert not reading.proof.holds
    assert reading.diagnostics


def test_budgets_are_kept() -> None:
    for limits in (Limits(bytes_max=10), Limits(elements_max=3)):
        assert codes(read(RETURNS, limits=limits)) == [Code.TOO_LARGE]


def test_addenda_without_end_are_refused_in_constant_memory() -> None:
    addenda = [f"705{'A':80}00010000001"] * 20_100
    reading = read(text(file(batch("CTX", entry("22", OTHER, "1", 1, "X", "0001N", TRACE, 1), *addenda))))
    assert not reading.proof.holds
    assert Code.TOO_LARGE in codes(reading)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(RETURNS) - 1), st.binary(min_size=1, max_size=3))
def test_no_change_of_bytes_ever_crashes(at: int, put: bytes) -> None:
    body = RETURNS[:at] + put + RETURNS[at + len(put) :]
    assert isinstance(read(body), Reading)


class TestAch(ReaderConformance):
    """What every reader promises."""

    is_xml = False
    reader = staticmethod(read_ach)

    def documents(self) -> Mapping[str, bytes]:
        notice = batch("COR", NOTICE, changed("C01", ORIGINAL, TRACE, "1918171614"))
        return {"returns": RETURNS, "changes": text(file(notice))}

    def broken(self) -> Iterator[Broken]:
        # Behind its last total a file control has nothing that could be missed.
        return (found for body in self.documents().values() for found in truncated(body[: 95 * 5 + 55], self.cuts))


# ── what it is ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (RETURNS, "ach"),
        (b"101 09100001912345678902606020930 094101\n", "ach"),
        (b"101 0910000191234567890260602    A094101\n", "ach"),
        (b"01,121000358,121000358,200312,0301,1,80,1,2/\n", "unknown"),
        (b"\0\0\0P0103T061000146026073150202010230911NWave", "x9.37"),
        (b"\0\0\0P" + "0103T061000146026073150202010230911NWave".encode("cp037"), "x9.37"),
        ("0103P061000146026073150202010230911NWave".encode("cp037"), "x9.37"),
        (b"1234567890", "unknown"),
    ],
)
def test_ach_files_and_check_images_are_recognised(body: bytes, name: str) -> None:
    found = detect(body)
    assert found == name or (name == "unknown" and found not in ("ach", "x9.37"))


def test_check_images_are_refused_by_name() -> None:
    reading = read_any(b"\0\0\0P0103T061000146026073150202010230911NWave")
    assert not reading.proof.holds
    assert [problem.detail for problem in reading.diagnostics] == ["a check image file (X9.37), not read"]
