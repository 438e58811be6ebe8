"""BAI2: every level proved, continuations and free text as banks write them, and what is no statement is none."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest

from tieout.conformance.formats import Broken, ReaderConformance
from tieout.formats.bank.bai2 import read_bai2
from tieout.formats.reading import Context, Reading, gather
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.facts import EntriesNotified

BODY = (Path(__file__).parents[1] / "data/bank/previous-day.bai2").read_bytes()
DAY = date(2026, 5, 31)


def read(body: str | bytes, context: Context | None = None) -> Reading:
    return gather(read_bai2, body.encode() if isinstance(body, str) else body, context)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def test_a_previous_day_report_becomes_statements_and_a_same_day_one_notified_entries() -> None:
    reading = read(BODY, Context(entities_by_iban={"4711": "us"}))
    first, second, third = reading.records
    assert first == BankStatement(
        statement_id="031001234/4711/USD/2026-05-31",
        iban="4711",
        currency="USD",
        opening=usd(100_000),
        closing=usd(145_000),
        opened_on=DAY,
        closed_on=DAY,
        entries=(
            StatementEntry(
                entry_id="031001234/4711/USD/2026-05-31/1",
                amount=usd(50_000),
                booked_on=DAY,
                value_on=date(2026, 5, 30),
                end_to_end_id="INV-12",
                bank_reference="WIRE1",
                remittance="FOUR SEASONS, INC / PAYS INVOICE 12 AND WHAT ELSE WAS OPEN, LESS 2 %",
                type_code="BAI 195",
            ),
            StatementEntry(
                entry_id="031001234/4711/USD/2026-05-31/2", amount=usd(10_000), booked_on=DAY, type_code="BAI 142"
            ),
            StatementEntry(
                entry_id="031001234/4711/USD/2026-05-31/3",
                amount=usd(-12_500),
                booked_on=DAY,
                end_to_end_id="001047",
                type_code="BAI 475",
            ),
            StatementEntry(
                entry_id="031001234/4711/USD/2026-05-31/4",
                amount=usd(-2_500),
                booked_on=DAY,
                bank_reference="ACH9",
                remittance="RETURNED R03 NO ACCOUNT",
                return_reason="R03",
                type_code="BAI 557",
            ),
        ),
    )
    assert (second.iban, second.opening, second.closing, second.entries) == (
        "4712",
        Money(500, "JPY"),
        Money(500, "JPY"),
        (),
    )
    assert isinstance(third, EntriesNotified)
    assert (third.iban, third.entity, [entry.amount for entry in third.entries]) == ("4711", "us", [usd(700)])
    assert reading.proof.holds
    assert reading.diagnostics == ()
    assert [claim.name for claim in reading.proof.claims] == [
        "sum of all amounts of the account",
        "number of records of the account",
        "opening balance + booked entries = closing balance",
        "sum of all amounts of the account",
        "number of records of the account",
        "opening balance + booked entries = closing balance",
        "sum of all accounts of the group",
        "number of accounts of the group",
        "number of records of the group",
        "sum of all amounts of the account",
        "number of records of the account",
        "sum of all accounts of the group",
        "number of accounts of the group",
        "number of records of the group",
        "sum of all groups of the file",
        "number of groups of the file",
        "number of records of the file",
    ]


HEAD = "01,A,B,260601,0600,1,,,2/\n02,B,A,{status},260531,2400,USD,{modifier}/\n"


def file(account: str, total: int, status: str = "1", modifier: str = "2") -> str:
    """A file of one account, with the trailers it must have."""
    count = account.count("\n")
    head = HEAD.format(status=status, modifier=modifier)
    return f"{head}{account}49,{total},{count + 1}/\n98,{total},1,{count + 3}/\n99,{total},1,{count + 5}/\n"


STATEMENT = "03,1,USD,010,100,,,015,150,,/\n16,165,50,Z,BR,CR,TEXT\n"


def test_the_smallest_statement() -> None:
    reading = read(file(STATEMENT, 300))
    assert reading.proof.holds
    assert [len(record.entries) for record in reading.records] == [1]


@pytest.mark.parametrize(
    ("detail", "remittance"),
    [
        ("16,165,50,Z,BR,CR,A/B, C/D/\n", "A/B, C/D"),
        ("16,165,50,Z,BR,CR,A\n88,B, C\n88,D/\n", "A B, C D"),
        ("16,165,50,Z,BR,CR/\n88,ONLY IN A CONTINUATION\n", "ONLY IN A CONTINUATION"),
        ("16,165,50,Z,BR\n88,CR,SPLIT BEFORE A FIELD\n", "SPLIT BEFORE A FIELD"),
        ("16,165,50,V,260531,,BR,CR,VALUE\n", "VALUE"),
        ("16,165,50,S,10,20,20,BR,CR,AVAILABILITY\n", "AVAILABILITY"),
        ("16,165,50,D,2,260601,20,260602,30,BR,CR,SPREAD\n", "SPREAD"),
        ("16,165,50,D\n88,1,260601,50,BR,CR,SPREAD LATER\n", "SPREAD LATER"),
        ("16,165,50,,BR,CR,\n", ""),
    ],
)
def test_details_in_the_shapes_of_banks(detail: str, remittance: str) -> None:
    reading = read(file("03,1,USD,010,100,,,015,150,,/\n" + detail, 300))
    (entry,) = reading.records[0].entries
    assert reading.proof.holds, reading.diagnostics
    assert (entry.remittance, entry.bank_reference, entry.end_to_end_id) == (remittance, "BR", "CR")


@pytest.mark.parametrize(
    "account",
    [
        "03,1,USD,010,100,,,015,150,,,/\n16,165,50,Z,,,\n",
        "03,1,USD,010,100/\n88,,,015,150/\n88,,/\n16,165,50/\n",
        "03,1,,010,100,,,015,150,3,V,260531,0900,,,,/\n16,165,50,0,,/\n",
        "03,1,USD,015,150,,S,1,2,3,010,100,,D,1,260601,100/\n16,165,50,0,,/\n",
    ],
)
def test_summaries_in_the_shapes_of_banks(account: str) -> None:
    reading = read(file(account, 300))
    assert reading.proof.holds, reading.diagnostics
    assert (reading.records[0].opening, reading.records[0].closing) == (usd(100), usd(150))


@pytest.mark.parametrize(
    ("status", "modifier", "kinds", "holds"),
    [
        pytest.param("1", "", [BankStatement], True, id="nothing said means the previous day"),
        pytest.param("1", "1", [EntriesNotified], True, id="interim previous day"),
        pytest.param("1", "3", [EntriesNotified], True, id="interim same day"),
        pytest.param("1", "4", [EntriesNotified], True, id="final same day"),
        pytest.param("2", "2", [], False, id="a deletion is for people"),
        pytest.param("3", "2", [BankStatement], True, id="a correction is told"),
        pytest.param("4", "2", [], True, id="a test gives nothing"),
    ],
)
def test_group_status_and_modifier(status: str, modifier: str, kinds: list[type], holds: bool) -> None:
    reading = read(file(STATEMENT, 300, status, modifier))
    assert [type(record) for record in reading.records] == kinds
    assert reading.proof.holds is holds
    assert bool(reading.diagnostics) is (status != "1")


def test_balances_without_entries_between_them_are_a_report_and_no_statement() -> None:
    reading = read(file("03,1,USD,010,100,,,015,150,,,100,50,1,/\n", 300))
    assert (reading.records, reading.proof.holds) == ((), True)
    assert [problem.code for problem in reading.diagnostics] == [Code.UNSUPPORTED_CONTENT]


def test_a_balance_that_does_not_follow_is_a_claim_that_fails() -> None:
    reading = read(file(STATEMENT.replace("015,150", "015,151"), 301))
    assert [(claim.declared, claim.computed) for claim in reading.proof.claims if not claim.holds] == [
        ("1.51 USD", "1.50 USD")
    ]


def test_a_trailer_that_says_nothing_claims_nothing_and_is_told() -> None:
    body = file(STATEMENT, 300).replace("49,300,", "49,,")
    reading = read(body)
    assert reading.proof.holds
    assert [(problem.code, problem.detail) for problem in reading.diagnostics] == [
        (Code.MISSING_FIELD, "this cannot be proved")
    ]


def test_the_same_account_twice_in_a_day_has_two_names() -> None:
    twice = STATEMENT + "49,300,3/\n" + STATEMENT
    body = HEAD.format(status="1", modifier="2") + twice + "49,300,3/\n98,600,2,8/\n99,600,1,10/\n"
    reading = read(body)
    assert [record.statement_id for record in reading.records] == ["A/1/USD/2026-05-31", "A/1/USD/2026-05-31.2"]
    assert reading.proof.holds


class TestBai2(ReaderConformance):
    is_xml = False
    reader = staticmethod(read_bai2)
    rows = (
        ("amount with a point", "195,50000,", "195,500.00,"),
        ("amount with letters", "195,50000,", "195,5OOOO,"),
        ("amount missing", "195,50000,", "195,,"),
        ("amount changed", "195,50000,", "195,50001,"),
        ("type code unknown", "16,195,", "16,095,"),
        ("type code no number", "16,195,", "16,19X,"),
        ("direction changed", "16,475,", "16,175,"),
        ("day", "1,260531,2400", "1,260532,2400"),
        ("value day", "V,260530", "V,260230"),
        ("no day", "1,260531,2400", "1,,2400"),
        ("funds type", "195,50000,V", "195,50000,Q"),
        ("availability without a count", "700,D,2,", "700,D,x,"),
        ("currency", "03,4711,USD", "03,4711,usd"),
        ("no account", "03,4711,USD", "03,,USD"),
        ("opening balance", "010,100000", "010,100001"),
        ("account total", "49,630000,8", "49,630001,8"),
        ("account records", "49,630000,8", "49,630000,9"),
        ("group accounts", "98,631000,2,12", "98,631000,3,12"),
        ("group total", "98,631000,", "98,x,"),
        ("file groups", "99,776700,2,", "99,776700,3,"),
        ("file records", ",2,19/", ",2,18/"),
        ("a detail left out", "16,475,12500,0,,001047/\n", ""),
        ("a detail twice", "16,475,12500,0,,001047/\n", "16,475,12500,0,,001047/\n" * 2),
        ("a trailer left out", "49,630000,8/\n", ""),
        ("no file trailer", "99,776700,2,19/\n", ""),
        ("a record of no kind", "16,195,", "17,195,"),
        ("a group header in the middle", "16,475,", "02,475,"),
        ("NUL", "FOUR", "FO\0R"),
        ("very many continuations", "88,AND", "88,x\n" * 6_000 + "88,AND"),
        ("no header", "01,031001234", "00,031001234"),
        ("summary amount", "100,60000,2", "100,6 0000,2"),
    )

    def documents(self) -> Mapping[str, bytes]:
        return {"previous day": BODY}

    def broken(self) -> Iterator[Broken]:
        text = BODY.decode()
        for how, valid, wrong in self.rows:
            assert valid in text, how
            yield Broken(how, text.replace(valid, wrong, 1).encode())
        yield from (Broken(f"cut at {at}", BODY[:at]) for at in range(0, len(BODY) - 17, 7))
