"""Lists of checks for the bank, in layouts that are declared."""

from datetime import date
from typing import Any

import msgspec
import pytest

from tieout.formats.positive_pay.layout import SAMPLES, IssueLayout, parse, sample
from tieout.formats.positive_pay.write import Check, write
from tieout.kernel.money import Money
from tieout.kernel.problem import Code, Problem

DAY = date(2026, 6, 2)


def check(number: int, cents: int = 12_345, **more: Any) -> Check:
    standard = Check(
        account="99887766",
        number=str(number),
        amount=Money(cents, "USD"),
        issued_on=date(2026, 6, 1),
        payee="Nuts, Bolts & Söhne",
    )
    return msgspec.structs.replace(standard, **more)


def test_a_list_with_commas() -> None:
    written = write(sample("delimited"), (check(1001), check(1002, 5, action="void")), DAY)
    assert written.body.decode().split("\r\n") == [
        "I,99887766,1001,06/01/2026,123.45,Nuts  Bolts + Sohne",
        "V,99887766,1002,06/01/2026,0.05,Nuts  Bolts + Sohne",
        "TRAILER,2,123.50",
        "",
    ]
    assert (written.problems, written.count, str(written.control_sum)) == ((), 2, "123.50")


def test_a_list_of_fixed_width() -> None:
    written = write(sample("fixed"), (check(1001), check(1002, 5, action="stop")), DAY)
    assert written.body.decode().split("\r\n") == [
        f"{'H00000009988776620260602':120}",
        f"{'D000000099887766' + '0000001001' + '20260601' + '000000012345' + '10' + 'Nuts, Bolts + Sohne':120}",
        f"{'D000000099887766' + '0000001002' + '20260601' + '000000000005' + '30' + 'Nuts, Bolts + Sohne':120}",
        f"{'T00000002' + '00000000012350':120}",
        "",
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_both_samples_are_layouts_and_give_the_same_bytes_again(name: str) -> None:
    checks = tuple(check(number) for number in range(1, 50))
    assert write(sample(name), checks, DAY) == write(sample(name), checks, DAY)


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ((), Code.MISSING_FIELD),
        ((check(1), check(1)), Code.BAD_VALUE),
        ((check(1, 0),), Code.BAD_VALUE),
        ((check(1, amount=Money(1, "EUR")),), Code.CURRENCY_MISMATCH),
        ((msgspec.structs.replace(check(1), number="A1"),), Code.BAD_VALUE),
        ((check(1, account=""),), Code.BAD_VALUE),
        ((check(12_345_678_901),), Code.TOO_LARGE),
        ((check(1), check(2, account="1")), Code.BAD_VALUE),
    ],
)
def test_what_is_wrong_is_not_written(checks: tuple[Check, ...], code: Code) -> None:
    written = write(sample("fixed"), checks, DAY)
    assert written.body == b""
    assert code in [problem.code for problem in written.problems]


ROWS = '[[row]]\nfield = "number"\n[[row]]\nfield = "amount"\n'


@pytest.mark.parametrize(
    "text",
    [
        "not toml =",
        'title = "x"\nkind = "delimited"\n',
        f'title = "x"\nkind = "sideways"\n[actions]\nissue = "I"\n{ROWS}',
        f'title = "x"\nkind = "fixed"\n[actions]\nissue = "I"\n{ROWS}',
        f'title = "x"\nkind = "delimited"\n[actions]\nburn = "B"\n{ROWS}',
        f'title = "x"\nkind = "delimited"\n[actions]\nissue = "Ä"\n{ROWS}',
        f'title = "x"\nkind = "delimited"\n[actions]\nissue = "I"\n{ROWS}[[row]]\nfield = "colour"\n',
        f'title = "x"\nkind = "delimited"\n[actions]\nissue = "I"\n{ROWS}[[row]]\nfield = "payee"\nconstant = "x"\n',
        f'title = "x"\nkind = "delimited"\n[actions]\nissue = "I"\n{ROWS}[[row]]\nfield = "issued_on"\ndate = "soon"\n',
        f'title = "x"\nkind = "delimited"\ndelimiter = ""\n[actions]\nissue = "I"\n{ROWS}',
        'title = "x"\nkind = "delimited"\n[actions]\nissue = "I"\n[[row]]\nfield = "number"\n',
    ],
)
def test_a_declaration_that_is_wrong_is_told(text: str) -> None:
    assert isinstance(parse(text), Problem)


def test_an_action_that_the_bank_does_not_know_cannot_be_written() -> None:
    layout = parse(f'title = "x"\nkind = "delimited"\n[actions]\nissue = "I"\n{ROWS}')
    assert isinstance(layout, IssueLayout)
    assert write(layout, (check(1),), DAY).body == b"1,123.45\r\n"
    assert [problem.actual for problem in write(layout, (check(1, action="void"),), DAY).problems] == ["void"]
