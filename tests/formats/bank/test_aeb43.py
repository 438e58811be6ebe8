"""Norma 43: signs, totals, and the number of records, each proved."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tieout.conformance.formats import Broken, ReaderConformance
from tieout.formats.bank import aeb43
from tieout.formats.bank.aeb43 import read_aeb43
from tieout.formats.lines import Line
from tieout.formats.reading import Findings, gather
from tieout.kernel.money import Money
from tieout.kernel.problem import Code
from tieout.model.documents import BankStatement, StatementEntry

BODY = (Path(__file__).parents[1] / "data/bank/statement.n43").read_bytes()
IBAN = "ES9121000418450200051332"


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def test_a_statement_with_its_complements() -> None:
    reading = gather(read_aeb43, BODY)
    name = f"{IBAN}/EUR/2026-05-29/2026-05-31"
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
                    bank_reference="0000004711",
                    remittance="TRANSFERENCIA A NORD KONTOR FACTURA 4711 PAY-4711",
                    type_code="AEB 04/007",
                ),
                StatementEntry(
                    entry_id=f"{name}/2",
                    amount=eur(2_505),
                    booked_on=date(2026, 5, 31),
                    value_on=date(2026, 5, 31),
                    bank_reference="DEVOLUCION",
                    return_reason="AEB 14",
                    type_code="AEB 14/001",
                ),
            ),
        ),
    )
    assert reading.proof.holds
    assert [(problem.code, problem.actual) for problem in reading.diagnostics] == [
        (Code.UNSUPPORTED_CONTENT, "13000 840")
    ]
    assert [claim.name for claim in reading.proof.claims] == [
        "number of debits",
        "sum of debits",
        "number of credits",
        "sum of credits",
        "opening balance + booked entries = closing balance",
        "number of records before the end record",
    ]


def test_yen_have_two_decimals_here_which_must_be_zeros() -> None:
    yen = BODY.replace(b"978", b"392")
    assert not gather(read_aeb43, yen).proof.holds
    whole = yen.replace(b"00002505", b"00002500").replace(b"00090605", b"00090600")
    reading = gather(read_aeb43, whole)
    assert reading.proof.holds
    assert reading.records[0].closing == Money(906, "JPY")


def test_two_accounts_in_a_file() -> None:
    *account, end = BODY.splitlines(keepends=True)
    other = [row.replace(b"0200051332", b"0200051333") for row in account]
    reading = gather(read_aeb43, b"".join([*account, *other, end.replace(b"000006", b"000012")]))
    assert reading.proof.holds
    assert len({record.iban for record in reading.records}) == 2


@given(st.integers(0, 10**14 - 1), st.dates(date(1980, 1, 1), date(2079, 12, 31)))
def test_a_written_entry_is_read_back(amount: int, day: date) -> None:
    values = {
        "office": "0418",
        "booked_on": day.isoformat(),
        "value_on": day.isoformat(),
        "concept": "04",
        "own_concept": "007",
        "sign": "1",
        "amount": str(amount),
        "document": "12",
        "reference_1": "A",
        "reference_2": "B",
    }
    assert aeb43.ENTRY.read(Line(aeb43.ENTRY.write(values), 0, 1), Findings()) == values


class TestAeb43(ReaderConformance):
    is_xml = False
    reader = staticmethod(read_aeb43)
    rows = (
        ("amount changed", "00000000011900000000", "00000000011901000000"),
        ("amount wrong", "100000000011900", "1000000000119O0"),
        ("sign changed", "04007100", "04007200"),
        ("sign unknown", "04007100", "04007000"),
        ("opening changed", "260531200000000100000", "260531200000000100001"),
        ("opening sign", "2605312", "2605310"),
        ("currency", "978", "000"),
        ("another currency at the end", "90605978", "90605840"),
        ("number of debits", "133200001", "133200002"),
        ("sum of debits", "133200001000000000119", "133200001000000000118"),
        ("closing changed", "90605978", "90606978"),
        ("number of records", "000006", "000007"),
        ("booking day", "0418260530", "0418260532"),
        ("booking day missing", "0418260530", "0418000000"),
        ("another account at the end", "\n33210004180200051332", "\n33210004180200051333"),
        ("an entry left out", "\n22", "\n23"),
        ("a record of no kind", "\n24", "\n25"),
        ("no end", "\n88", "\n33"),
        ("NUL", "NORD", "NO\0D"),
        ("something after the end", "000006\n", "000006\n11\n"),
    )

    def documents(self) -> Mapping[str, bytes]:
        return {"statement": BODY}

    def broken(self) -> Iterator[Broken]:
        text = BODY.decode()
        for how, valid, wrong in self.rows:
            assert valid in text, how
            yield Broken(how, text.replace(valid, wrong, 1).encode())
        yield from (Broken(f"cut at {at}", BODY[:at]) for at in range(0, len(BODY.rstrip()) - 1, 7))
