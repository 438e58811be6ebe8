"""SWIFT MT: each statement stands alone, marks and dates as the standard has them, and what is no statement says so."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from tieout.conformance.formats import Broken, ReaderConformance
from tieout.formats.bank.swift import read_swift
from tieout.formats.bank.swift.reader import account_name
from tieout.formats.reading import Context, Findings, Reading, gather
from tieout.formats.source import Bytes
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.facts import EntriesNotified

DATA = Path(__file__).parents[1] / "data/bank"
STATEMENT, INTERIM = (DATA / "statement.sta").read_bytes(), (DATA / "interim.sta").read_bytes()


def read(body: str | bytes, context: Context | None = None) -> Reading:
    return gather(read_swift, body.encode() if isinstance(body, str) else body, context)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def message(lines: str, opening: str = "C260531EUR0,", closing: str = "C260531EUR0,", account: str = "1/1") -> str:
    return f":20:X\n:25:{account}\n:28C:1/1\n:60F:{opening}\n{lines}:62F:{closing}\n-\n"


def test_a_statement_with_its_blocks() -> None:
    reading = read(STATEMENT)
    name = "50010060/0123456789/2026-05-29/00103/001"
    assert reading.records == (
        BankStatement(
            statement_id=name,
            iban="50010060/0123456789",
            currency="EUR",
            opening=eur(100_000),
            closing=eur(113_100),
            opened_on=date(2026, 5, 29),
            closed_on=date(2026, 5, 31),
            entries=(
                StatementEntry(
                    entry_id=f"{name}/1",
                    amount=eur(-11_900),
                    booked_on=date(2026, 5, 31),
                    value_on=date(2026, 5, 30),
                    end_to_end_id="PAY-4711",
                    bank_reference="B1",
                    counterparty="Nord-Kontor GmbH & Co KG",
                    counterparty_iban="DE02120300000000202051",
                    remittance="Rechnung 4711 vom 3. Mai und Gutschrift 12",
                    type_code="GVC 116",
                ),
                StatementEntry(
                    entry_id=f"{name}/2",
                    amount=eur(25_050),
                    booked_on=date(2026, 5, 31),
                    value_on=date(2026, 5, 31),
                    end_to_end_id="PAY-4700",
                    bank_reference="B2",
                    counterparty="Kontor",
                    remittance="IBAN FEHLERHAFT",
                    return_reason="AC06",
                    type_code="GVC 159",
                ),
                StatementEntry(
                    entry_id=f"{name}/3",
                    amount=eur(-50),
                    booked_on=date(2025, 12, 31),
                    value_on=date(2026, 1, 1),
                    remittance="zurueckgenommen",
                    return_reason="RC",
                    type_code="SWIFT N051",
                ),
            ),
        ),
    )
    assert reading.proof.holds
    assert reading.diagnostics == ()


def test_an_interim_report_is_notified_and_proved_by_its_sums() -> None:
    reading = read(INTERIM, Context(entities_by_iban={"NL91 ABNA 0417 1643 00": "nl"}))
    name = "NL91ABNA0417164300/interim/2605311200+0200/7/1"
    assert reading.records == (
        EntriesNotified(
            iban="NL91ABNA0417164300",
            entity="nl",
            entries=(
                StatementEntry(
                    entry_id=f"{name}/1",
                    amount=eur(-1_234),
                    booked_on=date(2026, 5, 31),
                    value_on=date(2026, 5, 31),
                    end_to_end_id="PAY-1",
                    bank_reference="X1",
                    counterparty="VAN DER BERG",
                    counterparty_iban="NL20INGB0001234567",
                    remittance="Factuur 12",
                    type_code="SWIFT NTRF",
                ),
                StatementEntry(
                    entry_id=f"{name}/2",
                    amount=eur(500),
                    booked_on=date(2026, 5, 31),
                    value_on=date(2026, 5, 31),
                    status="PDNG",
                    end_to_end_id="PAY-2",
                    counterparty="ACME BV",
                    counterparty_iban="NL44RABO0123456789",
                    remittance="terugbetaling",
                    return_reason="MS03",
                    type_code="SWIFT NDDT",
                ),
            ),
        ),
    )
    assert [claim.name for claim in reading.proof.claims] == [
        "number of debits",
        "sum of debits",
        "number of credits",
        "sum of credits",
    ]
    assert reading.proof.holds


def test_no_statement_takes_anything_over_from_the_one_before_it() -> None:
    one = message(":61:260531C10,NTRFONE\n:86:ein Text\n", closing="C260531EUR10,", account="1/1")
    two = message(":61:260531D7,NTRFTWO\n", closing="D260531CHF7,", account="2/2").replace(
        "60F:C260531EUR", "60F:C260531CHF"
    )
    for between in ("", "ABNANL2A\n940\nABNANL2A\n", "\n\n", ":940:\n"):
        reading = read(one + between + two)
        assert reading.proof.holds, reading.diagnostics
        assert [
            (found.iban, found.currency, [(entry.remittance, entry.end_to_end_id) for entry in found.entries])
            for found in reading.records
        ] == [("1/1", "EUR", [("ein Text", "ONE")]), ("2/2", "CHF", [("", "TWO")])]


def test_a_statement_that_never_closes_is_not_closed_by_the_next_one() -> None:
    cut = ":20:X\n:25:1/1\n:28C:1\n:60F:C260531EUR0,\n:61:260531C10,NTRFNONREF\n"
    reading = read(cut + message("", account="2/2"))
    assert [record.iban for record in reading.records] == ["2/2"]
    assert [(problem.code, problem.expected) for problem in reading.diagnostics] == [
        (Code.MISSING_FIELD, "a closing balance (:62F:)")
    ]
    assert not reading.proof.holds


def test_another_account_in_a_statement_refuses_it() -> None:
    reading = read(message(":25:9/9\n:61:260531C10,NTRFNONREF\n", closing="C260531EUR10,"))
    assert reading.records == ()
    assert not reading.proof.holds


def test_a_second_account_after_the_closing_balance_is_a_statement_of_its_own() -> None:
    body = message("") + ":25:2/2\n:28C:2\n:60F:C260531EUR1,\n:62F:C260531EUR1,\n-\n"
    reading = read(body)
    assert [record.iban for record in reading.records] == ["1/1", "2/2"]
    assert reading.proof.holds


def test_pages_of_one_statement_follow_each_other() -> None:
    first = message(":61:260531C10,NTRFNONREF\n", closing="C260531EUR10,").replace("62F", "62M")
    second = message(":61:260531C5,NTRFNONREF\n", "C260531EUR10,", "C260531EUR15,").replace("60F", "60M")
    second = second.replace(":28C:1/1", ":28C:1/2")
    reading = read(first + second)
    assert [(found.statement_id, found.opening, found.closing) for found in reading.records] == [
        ("1/1/2026-05-31/1/1", eur(0), eur(1_000)),
        ("1/1/2026-05-31/1/2", eur(1_000), eur(1_500)),
    ]


@pytest.mark.parametrize(
    ("line", "amount", "booked", "value", "own", "bank", "code"),
    [
        ("2601011231C5,NTRFA//B", 500, "2025-12-31", "2026-01-01", "", "", "SWIFT NTRF"),
        ("2512310102D5,1NCHK00012", -510, "2026-01-02", "2025-12-31", "00012", "", "SWIFT NCHK"),
        ("260531RD5,NTRFAB//CD", 500, "2026-05-31", "2026-05-31", "AB", "CD", "SWIFT NTRF"),
        ("260531RCR5,NRTINONREF", -500, "2026-05-31", "2026-05-31", "", "", "SWIFT NRTI"),
        ("2605310531DR000000000005,NMSCNONREF", -500, "2026-05-31", "2026-05-31", "", "", "SWIFT NMSC"),
        ("260531CN5NTRF29-07 10:05//B4G", 500, "2026-05-31", "2026-05-31", "29-07 10:05", "B4G", "SWIFT NTRF"),
        ("260531C5,S103", 500, "2026-05-31", "2026-05-31", "", "", "SWIFT S103"),
        ("260531C5,", 500, "2026-05-31", "2026-05-31", "", "", ""),
    ],
)
def test_statement_lines(line: str, amount: int, booked: str, value: str, own: str, bank: str, code: str) -> None:
    sign = "D" if amount < 0 else "C"
    closing = f"{sign}260531EUR{abs(amount) // 100},{abs(amount) % 100:02}"
    reading = read(message(f":61:{line}\n", closing=closing))
    (entry,) = reading.records[0].entries
    assert reading.proof.holds, reading.diagnostics
    assert (
        entry.amount,
        str(entry.booked_on),
        str(entry.value_on),
        entry.end_to_end_id,
        entry.bank_reference,
        entry.type_code,
    ) == (eur(amount), booked, value, own, bank, code)


def test_a_line_broken_in_its_middle_is_one_line() -> None:
    reading = read(message(":61:2605310531CR\n30,00N062NONREF\nmore\n", closing="C260531EUR30,"))
    (entry,) = reading.records[0].entries
    assert (entry.amount, entry.remittance) == (eur(3_000), "more")


def test_the_30th_of_february_is_its_last_day_and_is_told() -> None:
    reading = read(message(":61:2602300301D6,N024NONREF\n", closing="D260531EUR6,"))
    assert [str(entry.value_on) for entry in reading.records[0].entries] == ["2026-02-28"]
    assert [(problem.code, problem.actual) for problem in reading.diagnostics] == [(Code.BAD_VALUE, "260230")]
    assert reading.proof.holds


def test_a_time_that_was_wrapped_is_no_field() -> None:
    reading = read(
        message(":61:260531C1,NTRFNONREF\n:86:2026-05-31T13\n:12:11 and on\n-\nend\n", closing="C260531EUR1,")
    )
    assert reading.records[0].entries[0].remittance == "2026-05-31T13 :12:11 and on - end"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("70011110/4005287001EUR", "70011110/4005287001"),
        ("NL71 RABO 0123 4567 89EUR", "NL71RABO0123456789"),
        ("INGBNL2A/NL20INGB0001234567", "NL20INGB0001234567"),
        ("UBRTHUHB/123ABC/EUR", "UBRTHUHB/123ABC/EUR"),
        ("1291.99.348", "1291.99.348"),
    ],
)
def test_accounts_are_named_as_the_bank_names_them(text: str, name: str) -> None:
    assert account_name(text, "EUR") == name


CONFIRMATION = ":20:BANKREF1\n:21:PAY-4711\n:25:1/1\n:32A:260531EUR119,00\n"


@pytest.mark.parametrize(
    ("body", "amount", "party", "account"),
    [
        ("{1:F01X}{2:O9001200260531X}{4:\n" + CONFIRMATION + "-}\n", -11_900, "", ""),
        (
            CONFIRMATION + ":50K:/DE02120300000000202051\nNORD KONTOR\nHAMBURG\n-\n",
            11_900,
            "NORD KONTOR",
            "DE02120300000000202051",
        ),
        (
            "{1:F01X}{2:I910BANKDEFFXXXXN}{4:\n" + CONFIRMATION + ":50F:/1\n1/NORD KONTOR\n-}\n",
            11_900,
            "NORD KONTOR",
            "1",
        ),
    ],
)
def test_confirmations_of_debits_and_credits(body: str, amount: int, party: str, account: str) -> None:
    reading = read(body)
    assert reading.proof.holds, reading.diagnostics
    (entry,) = reading.records[0].entries
    assert (entry.amount, entry.end_to_end_id, entry.counterparty, entry.counterparty_iban) == (
        eur(amount),
        "PAY-4711",
        party,
        account,
    )


def test_a_confirmation_that_does_not_say_which_way_is_refused() -> None:
    reading = read(CONFIRMATION)
    assert (reading.records, reading.proof.holds) == ((), False)


def test_a_balance_report_proves_itself_and_gives_no_records() -> None:
    body = message(":90D:2EUR7,\n:90C:1EUR10,\n", closing="C260531EUR3,")
    reading = read(body)
    assert (reading.records, reading.proof.holds) == ((), True)
    assert not read(body.replace("EUR3,", "EUR4,")).proof.holds


def test_an_order_to_pay_is_known_and_refused() -> None:
    for body in ("{1:F01X}{2:O1011200260531X}{4:\n:20:A\n-}\n", ":20:A\n:28D:1/1\n:50H:/1\nUS\n"):
        reading = read(body)
        assert [(problem.code, problem.actual) for problem in reading.diagnostics] == [
            (Code.UNSUPPORTED_CONTENT, "MT101")
        ]
        assert (reading.records, reading.proof.holds) == ((), False)


def test_a_very_long_statement_comes_in_pages_and_small_memory() -> None:
    count = 12_345
    body = message(":61:260531C1,NTRFNONREF\n" * count, closing=f"C260531EUR{count},").encode()
    findings = Findings()
    pages = list(read_swift(Bytes(body), Context(), findings))
    assert [(page.statement_id, len(page.entries)) for page in pages] == [
        ("1/1/2026-05-31/1/1/1", 5_000),
        ("1/1/2026-05-31/1/1/2", 5_000),
        ("1/1/2026-05-31/1/1/3", 2_345),
    ]
    for before, after in pairwise(pages):
        assert before.closing == after.opening
    assert (pages[0].opening, pages[-1].closing) == (eur(0), eur(100 * count))
    assert pages[1].entries[0].entry_id == "1/1/2026-05-31/1/1/5001"
    assert findings.proof.holds
    assert len(findings.proof.claims) == 1


def test_a_statement_of_exactly_one_page_keeps_its_name() -> None:
    body = message(":61:260531C1,NTRFNONREF\n" * 5_000, closing="C260531EUR5000,")
    assert [page.statement_id for page in read(body).records] == ["1/1/2026-05-31/1/1"]


class TestStatement(ReaderConformance):
    is_xml = False
    reader = staticmethod(read_swift)
    rows: tuple[tuple[str, str, str], ...] = (
        ("account missing", ":25:50010060/0123456789EUR\n", ""),
        ("account empty", ":25:50010060/0123456789EUR", ":25:"),
        ("opening missing", ":60F:C260529EUR1000,00\n", ""),
        ("opening later", ":60F:C260529EUR1000,00\n", ""),
        ("opening sign", ":60F:C260529", ":60F:X260529"),
        ("opening debit", ":60F:C260529", ":60F:D260529"),
        ("opening day", ":60F:C260529", ":60F:C261329"),
        ("opening currency", "EUR1000,00", "EU1000,00"),
        ("opening amount", "EUR1000,00", "EUR1.000,00"),
        ("opening twice", ":60F:C260529EUR1000,00\n", ":60F:C260529EUR1000,00\n" * 2),
        ("closing missing", ":62F:C260531EUR1131,\n", ""),
        ("closing changed", "EUR1131,\n:64", "EUR1131,01\n:64"),
        ("closing in another currency", ":62F:C260531EUR", ":62F:C260531USD"),
        ("closing twice", ":62F:C260531EUR1131,\n", ":62F:C260531EUR1131,\n" * 2),
        ("amount changed", "DR119,00", "DR119,01"),
        ("amount with a point", "DR119,00", "DR119.00"),
        ("amount with three decimals", "DR119,00", "DR119,001"),
        ("amount negative", "DR119,00", "DR-119,00"),
        ("amount full width", "DR119,00", "DR１１９,00"),
        ("direction changed", "C250,5", "D250,5"),
        ("direction unknown", "C250,5", "X250,5"),
        ("day", ":61:260530", ":61:260532"),
        ("booking day", ":61:2605300531", ":61:2605301331"),
        ("a line left out", ":61:2601011231RC0,50N051NONREF\n", ""),
        ("a line after the end", ":64:C260531EUR1131,\n", ":61:260531C0,NTRFNONREF\n"),
        ("NUL", "Kontor", "Kon\0or"),
        ("a very long field", ":86:nur", "x\n" * 2_000 + ":86:nur"),
        ("another kind", "{2:O940", "{2:O999"),
    )

    def documents(self) -> Mapping[str, bytes]:
        return {"statement": STATEMENT}

    def broken(self) -> Iterator[Broken]:
        (body,) = self.documents().values()
        text = body.decode()
        for how, valid, wrong in self.rows:
            assert valid in text, how
            yield Broken(how, text.replace(valid, wrong, 1).encode())
        end = body.index(b":62F:") + 18 if b":62F:" in body else body.index(b":25:") + 4
        yield from (Broken(f"cut at {at}", body[:at]) for at in range(0, end, 5))


class TestInterim(TestStatement):
    rows = (
        ("count", ":90D:1EUR", ":90D:2EUR"),
        ("sum", ":90C:1EUR5,00", ":90C:1EUR5,01"),
        ("sum of another kind", ":90C:1EUR5,00", ":90C:EUR5,00"),
        ("sum in another currency", ":90C:1EUR", ":90C:1USD"),
        ("limit", ":34F:EURD0,\n:34F:EURC0,\n", ""),
        ("limit wrong", ":34F:EURD0,", ":34F:EURO0,"),
        ("account missing", ":25:NL91ABNA0417164300\n", ""),
        ("amount", "D12,34", "D12,35"),
        ("direction", "EC5,00", "ED5,00"),
    )

    def documents(self) -> Mapping[str, bytes]:
        return {"interim": INTERIM}
