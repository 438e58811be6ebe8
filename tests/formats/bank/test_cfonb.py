"""CFONB 120 and 240: overpunched signs, complements, and IBANs that follow from French account numbers."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.conformance.formats import Broken, ReaderConformance
from tieout.formats.bank import cfonb120
from tieout.formats.bank.cfonb120 import french_account, read_cfonb120, signed_amount
from tieout.formats.bank.cfonb240 import read_cfonb240
from tieout.formats.lines import Line
from tieout.formats.reading import Context, Findings, Reading, gather
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import BankStatement, StatementEntry
from tieout.model.facts import EntriesNotified

DATA = Path(__file__).parents[1] / "data/bank"
STATEMENT, OPERATIONS = (DATA / "statement.cfonb120").read_bytes(), (DATA / "operations.cfonb240").read_bytes()
IBAN = "FR2030004008110000123456A82"


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def read(body: bytes, context: Context | None = None) -> Reading:
    return gather(read_cfonb120, body, context)


def test_a_statement_with_its_complements() -> None:
    name = f"{IBAN}/EUR/2026-05-29"
    reading = read(STATEMENT)
    assert reading.records == (
        BankStatement(
            statement_id=name,
            iban=IBAN,
            currency="EUR",
            opening=eur(100_000),
            closing=eur(90_605),
            opened_on=date(2026, 5, 29),
            closed_on=date(2026, 5, 31),
            entries=(
                StatementEntry(
                    entry_id=f"{name}/1",
                    amount=eur(-11_900),
                    booked_on=date(2026, 5, 30),
                    value_on=date(2026, 5, 31),
                    end_to_end_id="PAY-4711",
                    bank_reference="REF-1",
                    counterparty="NORD KONTOR GMBH",
                    counterparty_iban="DE02120300000000202051",
                    remittance="VIR NORD KONTOR FACTURE 4711",
                    type_code="CFONB 06/0123",
                ),
                StatementEntry(
                    entry_id=f"{name}/2",
                    amount=eur(2_505),
                    booked_on=date(2026, 5, 31),
                    value_on=date(2026, 5, 31),
                    bank_reference="0000043",
                    remittance="REJET PRELEVEMENT",
                    return_reason="35",
                    type_code="CFONB B3/0123",
                ),
            ),
        ),
    )
    assert reading.proof.holds
    assert reading.diagnostics == ()


@pytest.mark.parametrize("end", [b"", b"\n\n", b"\r\n"])
def test_records_without_ends_or_with_blank_lines_read_the_same(end: bytes) -> None:
    assert read(STATEMENT.replace(b"\n", end)).records == read(STATEMENT).records


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0000000000000{", 0),
        ("0000000001190}", -11_900),
        ("0000000000250E", 2_505),
        ("0000000000250N", -2_505),
        ("0000000000001é", 10),
        ("0000000000001è", -10),
        ("00000000000012", 12),
        ("000000000000-1", None),
        ("0000000000000S", None),
        ("", None),
        ("{", 0),
    ],
)
def test_the_last_letter_has_the_sign(text: str, amount: int | None) -> None:
    assert signed_amount(text) == amount


@given(st.integers(-(10**13) + 1, 10**13 - 1))
def test_a_written_balance_is_read_back(amount: int) -> None:
    signs = "}JKLMNOPQR" if amount < 0 else "{ABCDEFGHI"
    digits = f"{abs(amount):014}"
    values = dict.fromkeys((field.name for field in cfonb120.OPENING.fields), "") | {
        "bank": "30004",
        "currency": "EUR",
        "decimals": "2",
        "day": "2026-05-31",
        "amount": digits[:-1] + signs[int(digits[-1])],
    }
    found = cfonb120.OPENING.read(Line(cfonb120.OPENING.write(values), 0, 1), Findings())
    assert found == values
    assert signed_amount(found["amount"]) == amount


def test_a_french_account_has_an_iban_and_another_one_its_numbers() -> None:
    assert french_account("20041", "01005", "0500013M026") == "FR1420041010050500013M02606"
    assert french_account("2004", "01005", "0500013M026") == "2004/01005/0500013M026"
    assert french_account("", "", "") == "//"


def test_currencies_have_the_decimals_that_the_record_says() -> None:
    yen = STATEMENT.replace(b"EUR2", b"JPY0")
    reading = read(yen)
    assert reading.records[0].closing == Money(90_605, "JPY")
    assert reading.proof.holds
    assert not read(STATEMENT.replace(b"EUR2", b"EUR3")).proof.holds


def test_two_statements_in_a_file_are_two() -> None:
    second = STATEMENT.replace(b"0000123456A", b"00001234567")
    reading = read(STATEMENT + second)
    assert len({record.iban for record in reading.records}) == 2
    assert reading.proof.holds


def test_another_bank_of_the_group_is_told_and_another_account_refused() -> None:
    bank = read(STATEMENT.replace(b"0430004", b"0430005", 1))
    assert bank.proof.holds
    assert [problem.code for problem in bank.diagnostics] == [Code.BAD_VALUE]
    lines = STATEMENT.replace(b"\n04", b"\n__", 1).split(b"__")
    account = read(lines[0] + b"04" + lines[1].replace(b"0000123456A", b"0000123456B", 1))
    assert not account.proof.holds


@pytest.mark.parametrize(("code", "reason"), [("50", "50"), ("00", "CFONB B3"), ("  ", "CFONB B3"), ("05", "05")])
def test_what_came_back_has_its_reason(code: str, reason: str) -> None:
    found = read(STATEMENT.replace(b"31052635310526", f"310526{code}310526".encode()))
    assert found.records[0].entries[1].return_reason == reason


def test_a_list_of_transfers_received_is_notified() -> None:
    reading = gather(read_cfonb240, OPERATIONS, Context(entities_by_iban={IBAN: "fr"}))
    common = {
        "booked_on": date(2026, 5, 31),
        "value_on": date(2026, 5, 31),
        "bank_reference": "R-1",
        "counterparty": "OFFICE DES EAUX",
        "counterparty_iban": "FR7630066107710002003040111",
        "remittance": "FACTURE 12",
        "type_code": "CFONB 20",
    }
    name = f"{IBAN}/20/2026-05-30"
    assert reading.records == (
        EntriesNotified(
            iban=IBAN,
            entity="fr",
            entries=(
                StatementEntry(entry_id=f"{name}/1", amount=eur(119_000), **common),
                StatementEntry(entry_id=f"{name}/2", amount=eur(1_000), **common),
            ),
        ),
    )
    assert reading.proof.holds


class TestCfonb120(ReaderConformance):
    is_xml = False
    reader = staticmethod(read_cfonb120)
    rows: tuple[tuple[str, str, str], ...] = (
        ("amount changed", "0000000001190}", "0000000001191}"),
        ("sign changed", "0000000001190}", "0000000001190{"),
        ("sign unknown", "0000000001190}", "0000000001190?"),
        ("amount with blanks", "0000000001190}", "00000000 1190}"),
        ("opening changed", "0000000010000{", "0000000010000A"),
        ("closing changed", "0000000009060E", "0000000009060F"),
        ("booking day", "06300526", "06320526"),
        ("booking day missing", "06300526", "06      "),
        ("opening day", "A  290526", "A  000000"),
        ("currency", "EUR2", "eur2"),
        ("decimals", "EUR2", "EURx"),
        ("another currency in an entry", "0430004012300811EUR2", "0430004012300811USD2"),
        ("record unknown", "\n04", "\n06"),
        ("no opening", "01", "04"),
        ("no closing", "\n07", "\n05"),
        ("NUL", "NORD", "NO\0D"),
        ("a record too long", "REF-1           ", "REF-1           x"),
    )

    def documents(self) -> Mapping[str, bytes]:
        return {"statement": STATEMENT}

    def broken(self) -> Iterator[Broken]:
        (body,) = self.documents().values()
        text = body.decode()
        for how, valid, wrong in self.rows:
            assert valid in text, how
            yield Broken(how, text.replace(valid, wrong, 1).encode())
        yield from (Broken(f"cut at {at}", body[:at]) for at in range(0, len(body.rstrip()) - 1, 11))


class TestCfonb240(TestCfonb120):
    reader = staticmethod(read_cfonb240)
    rows = (
        ("amount changed", "000000119000", "000000119001"),
        ("amount wrong", "000000119000", "00000O119000"),
        ("amount missing", "000000119000", "            "),
        ("total changed", "000000120000", "000000120001"),
        ("a number left out", "34000003", "34000004"),
        ("operation unknown", "3100000120", "3100000199"),
        ("operation unknown in an entry", "3400000220", "3400000299"),
        ("francs", "310526E", "310526F"),
        ("day", "20310526E", "20320526E"),
        ("no opening", "31000001", "34000001"),
    )

    def documents(self) -> Mapping[str, bytes]:
        return {"operations": OPERATIONS}
