"""What we write we read back; what cannot be written rightly is not written."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.formats.x12.kit import CONTEXT, a_group, a_set, envelope, file_of, only, read, records

from tieout.formats.outgoing import Envelope
from tieout.formats.written import Written
from tieout.formats.x12.acknowledge import write_997, write_999
from tieout.formats.x12.write import Party, write_820, write_850
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code
from tieout.model.documents import (
    BankAccount,
    Interchange,
    OrderLine,
    Payment,
    PaymentRun,
    PurchaseOrder,
    RemittanceAdvice,
    RemittanceLine,
)
from tieout.model.identity import supplier_id_of

MOMENT = datetime(2026, 5, 28, 9, 30, tzinfo=UTC)
OUT = Envelope(sender="NORTHWIND", receiver="ACMEPARTS", control="42", prepared_at=MOMENT)
ORDER = PurchaseOrder(
    order_id="PO-77",
    entity="us",
    supplier_id=supplier_id_of("12-3456789"),
    currency="USD",
    ordered_on=date(2026, 5, 1),
    lines=(
        OrderLine(line_id="10", item="SCR-M6", quantity=Decimal(600), unit="EA", unit_price=Decimal("0.31")),
        OrderLine(
            line_id="20",
            item="CABLE",
            quantity=Decimal("2.5"),
            unit="MTR",
            unit_price=Decimal(4),
            description="Cable, " + "very long " * 14 + "and red",
            tax_rate=Decimal("8.25"),
        ),
    ),
)


def usd(cents: int) -> Money:
    return Money(cents, "USD")


ADVICE = RemittanceAdvice(
    advice_id="PAY-8",
    payer="Northwind",
    payee="Acme Parts Inc",
    paid_on=date(2026, 6, 1),
    amount=usd(29_850),
    reference="TRACE-1",
    lines=(
        RemittanceLine(number="INV-1", paid=usd(31_000), gross=usd(32_000), deducted=usd(1_000)),
        RemittanceLine(number="C-1", paid=usd(-1_150), issued_on=date(2026, 5, 4)),
    ),
)


def test_an_order_as_it_goes_out() -> None:
    assert write_850(
        ORDER, OUT, Party("Northwind Inc", "92", "1500"), Party("Acme", "FI", "12-3456789")
    ).body.decode() == (
        "ISA*00*          *00*          *ZZ*NORTHWIND      *ZZ*ACMEPARTS      *260528*0930*U*00401*000000042*0*P*>~\n"
        "GS*PO*NORTHWIND*ACMEPARTS*20260528*0930*42*X*004010~\n"
        "ST*850*0001~\n"
        "BEG*00*SA*PO-77**20260501~\n"
        "CUR*BY*USD~\n"
        "N1*BY*Northwind Inc*92*1500~\n"
        "N1*SE*Acme*FI*12-3456789~\n"
        "PO1*10*600*EA*0.31**BP*SCR-M6~\n"
        "PO1*20*2.5*MR*4**BP*CABLE~\n"
        "PID*F****Cable, very long very long very long very long very long very long very long~\n"
        "PID*F****very long very long very long very long very long very long very long and red~\n"
        "TXI*TX**8.25~\n"
        "CTT*2*602.5~\n"
        "SE*12*0001~\n"
        "GE*1*42~\n"
        "IEA*1*000000042~\n"
    )


def test_an_order_is_read_back() -> None:
    assert only(write_850(ORDER, OUT).body) == ORDER
    assert only(write_850(ORDER, OUT, Party("Northwind", "92", "1"), Party("Acme", "FI", "12-3456789")).body) == ORDER


def test_separators_are_signs_that_the_data_does_not_have() -> None:
    odd = replace(ORDER, lines=(replace(ORDER.lines[0], description="Bolt 5*10 > 4 ~ 6 ^ 2"),))
    written = write_850(odd, OUT)
    assert written.body.startswith(b"ISA|00|")
    assert only(written.body) == odd


@pytest.mark.parametrize(
    "change",
    [
        {"order_id": "P" * 23},
        {"order_id": ""},
        {"order_id": "two\nlines"},
        {"lines": ()},
        {"lines": (ORDER.lines[0], ORDER.lines[0])},
        {"lines": (replace(ORDER.lines[0], unit="XYZ"),)},
        {"lines": (replace(ORDER.lines[0], item=""),)},
        {"lines": (replace(ORDER.lines[0], item="螺丝"),)},
        {"lines": (replace(ORDER.lines[0], quantity=Decimal("1234567890.123456")),)},
        {"lines": (replace(ORDER.lines[0], description="x" * 81),)},
        {"lines": (replace(ORDER.lines[0], category="UNSPSC:4321150343211"),)},
        {"lines": (replace(ORDER.lines[0], description="*|\x1d"),)},
        {"conversion_rate": Decimal("0.92")},
        {"conversion_rate": Decimal("0.92345678901"), "converted_to": "EUR"},
        {"conversion_rate": Decimal(1), "conversion_per": Decimal("1.1"), "converted_to": "EUR"},
    ],
)
def test_an_order_that_cannot_be_written_rightly_is_not_written(change: dict[str, Any]) -> None:
    written = write_850(replace(ORDER, **change), OUT)
    assert not written.body
    assert written.problems


@pytest.mark.parametrize(
    "change",
    [
        {"control": ""},
        {"control": "0"},
        {"control": "1234567890"},
        {"control": "4x"},
        {"sender": "a name of 16 char"},
        {"receiver": ""},
        {"sender": "A*B"},
        {"sender_qualifier": "Z"},
    ],
)
def test_an_envelope_that_nobody_could_open_is_not_written(change: dict[str, Any]) -> None:
    assert write_850(ORDER, replace(OUT, **change)).problems


def test_an_advice_is_read_back() -> None:
    assert only(write_820(ADVICE, OUT).body) == ADVICE


@pytest.mark.parametrize(
    "change",
    [
        {"amount": usd(1)},
        {"lines": ()},
        {"payer": ""},
        {"lines": (replace(ADVICE.lines[0], gross=usd(1)), ADVICE.lines[1])},
        {"lines": (replace(ADVICE.lines[0], paid=Money(31_000, "EUR")), ADVICE.lines[1])},
        {"lines": (replace(ADVICE.lines[0], number=""), ADVICE.lines[1])},
    ],
)
def test_an_advice_that_does_not_add_up_is_not_written(change: dict[str, Any]) -> None:
    assert write_820(replace(ADVICE, **change), OUT).problems


def test_a_run_tells_what_each_of_its_payments_settles() -> None:
    account = BankAccount(iban="", holder="Acme", number="1", clearing="USABA021000021", kind="checking")
    payment = Payment(
        payment_id="PAY-1",
        run_id="RUN-1",
        invoice_id="INV-1",
        entity="us",
        supplier_id="sup-1",
        amount=usd(500),
        creditor=account,
        remittance="INV-1",
        invoices=(RemittanceLine(number="INV-1", paid=usd(500)),),
    )
    silent = replace(payment, payment_id="PAY-2", invoices=())
    debtor = replace(account, holder="Northwind")
    run = PaymentRun(
        run_id="RUN-1",
        entity="us",
        debtor=debtor,
        execute_on=date(2026, 6, 1),
        payments=(payment, silent, replace(payment, payment_id="PAY-3")),
        currency="USD",
    )
    found = records(read(write_820(run, OUT).body))
    assert [(advice.advice_id, advice.payer, advice.amount) for advice in found] == [
        ("PAY-1", "Northwind", usd(500)),
        ("PAY-3", "Northwind", usd(500)),
    ]
    assert write_820(replace(run, payments=(silent,)), OUT).problems


TEXTS = st.text(st.sampled_from("abcXYZ019 -./*>&é"), min_size=1, max_size=20).filter(
    lambda text: text == " ".join(text.split())
)
NUMBERS = st.decimals(0, 10**9, places=3).map(lambda number: number.normalize())
LINES = st.builds(
    OrderLine,
    line_id=TEXTS,
    item=TEXTS,
    quantity=NUMBERS,
    unit=st.sampled_from(["EA", "C62", "KGM", "H87", "XBX", "DZN", "QX"]),
    unit_price=NUMBERS,
    description=st.one_of(st.just(""), TEXTS),
    tax_rate=st.sampled_from([Decimal(0), Decimal("8.25")]),
    category=st.sampled_from(["", "UNSPSC:43211503"]),
)
ORDERS = st.builds(
    replace,
    st.just(ORDER),
    order_id=TEXTS,
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
    conversion_rate=st.decimals("0.0001", "99999", places=4).map(lambda number: number.normalize()),
    converted_to=st.just("EUR"),
    lines=st.lists(LINES, min_size=1, max_size=5, unique_by=lambda line: line.line_id).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(ORDERS)
def test_any_order_is_read_back(order: PurchaseOrder) -> None:
    written = write_850(order, OUT)
    assert only(written.body, replace(CONTEXT, currencies={"us": "EUR"})) == order


def test_only_unspsc_has_a_place_for_the_category() -> None:
    first, second = (replace(ORDER.lines[0], line_id=code, category=f"{code}:43211503") for code in ("UNSPSC", "CPV"))
    written = write_850(replace(ORDER, lines=(first, second)), OUT).body.decode()
    assert written.count("PID*S") == written.count("PID*S*MAC*UN*43211503***SPSC~") == 1


@pytest.mark.parametrize(
    ("rate", "said"), [("0.92", "0.920"), ("2", "2.000"), ("12345.67891", "12345.67891"), ("1234.5", "1234.5")]
)
def test_a_rate_has_four_digits_at_least(rate: str, said: str) -> None:
    written = write_850(replace(ORDER, conversion_rate=Decimal(rate), converted_to="EUR"), OUT)
    assert f"CUR*BY*USD*{said}*BY*EUR~" in written.body.decode()


SETTLED = st.builds(
    lambda number, paid, deducted, day: RemittanceLine(
        number=number,
        paid=usd(paid),
        gross=usd(paid + deducted) if deducted is not None else None,
        deducted=usd(deducted) if deducted else None,
        issued_on=day,
    ),
    TEXTS,
    st.integers(-(10**9), 10**9),
    st.one_of(st.none(), st.integers(0, 10**6)),
    st.one_of(st.none(), st.dates(date(2000, 1, 1), date(2030, 1, 1))),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(SETTLED, min_size=1, max_size=6), TEXTS)
def test_any_advice_is_read_back(lines: list[RemittanceLine], payer: str) -> None:
    amount = total((line.paid for line in lines), "USD")
    advice = replace(ADVICE, payer=payer, amount=amount, lines=tuple(lines))
    written = write_820(advice, OUT)
    if amount.minor < 0:
        assert written.problems
    else:
        assert only(written.body) == advice


# ── acknowledgments ────────────────────────────────────────────────────────────────────────────────────────────────

GOOD = "BAK*06*AD*PO-77*20260501****R-1*20260502"


def received(*sets: str, kind: str = "855") -> Interchange:
    return envelope(read(file_of(a_group(kind, *sets))))


def rows(written: Written) -> list[str]:
    """The body of the answer, between the envelopes."""
    assert not written.problems
    return [row for row in written.body.decode().split("~\n") if not row.startswith(("ISA", "GS", "GE", "IEA"))][:-1]


def test_an_interchange_that_is_fine() -> None:
    written = write_997(received(a_set("855", GOOD)), OUT)
    assert rows(written) == ["ST*997*0001", "AK1*PR*7", "AK2*855*0001", "AK5*A", "AK9*A*1*1*1", "SE*6*0001"]
    assert [(one.status, one.control) for one in records(read(written.body))] == [
        ("accepted", "0001"),
        ("accepted", ""),
    ]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (a_set("855", GOOD).replace("SE*3", "SE*4"), ["AK2*855*0001", "AK5*R*4"]),
        (a_set("855", GOOD).replace("SE*3*0001", "SE*3*0002"), ["AK2*855*0001", "AK5*R*3"]),
        (a_set("855", GOOD).replace("SE*3*0001~\n", ""), ["AK2*855*0001", "AK5*R*2"]),
        (a_set("837", GOOD), ["AK2*837*0001", "AK5*R*1"]),
        (a_set("850", GOOD), ["AK2*850*0001", "AK5*R*6"]),
        (a_set("855", "N1*SE*Acme"), ["AK2*855*0001", "AK3*BAK*2**3", "AK5*R*5"]),
        (
            a_set("855", GOOD.replace("20260501", "2026050")),
            ["AK2*855*0001", "AK3*BAK*2**8", "AK4*4**8*2026050", "AK5*R*5"],
        ),
        (a_set("855", GOOD.replace("PO-77", "")), ["AK2*855*0001", "AK3*BAK*2**8", "AK4*3**1", "AK5*R*5"]),
        (a_set("855", GOOD.replace("AD", "ADX")), ["AK2*855*0001", "AK3*BAK*2**8", "AK4*2**5*ADX", "AK5*R*5"]),
        (a_set("855", f"{GOOD}\n{GOOD}"), ["AK2*855*0001", "AK3*BAK*3**5", "AK5*R*5"]),
        (a_set("855", f"{GOOD}\nP1!*x"), ["AK2*855*0001", "AK5*R*5"]),
        (a_set("855", f"{GOOD}\nPO1*1*two*EA"), ["AK2*855*0001", "AK3*PO1*3**8", "AK4*2**6*two", "AK5*R*5"]),
        (a_set("855", f"{GOOD}\nCTT*3"), ["AK2*855*0001", "AK3*CTT*3**8", "AK4*1**7", "AK5*R*5"]),
    ],
)
def test_what_is_wrong_with_a_set(wrong: str, told: list[str]) -> None:
    written = write_997(received(wrong), OUT)
    assert rows(written)[2:-2] == told
    assert rows(written)[-2] == "AK9*R*1*1*0"
    answers = records(read(written.body))
    assert [one.status for one in answers] == ["rejected", "rejected"]


def test_a_group_of_which_one_set_is_refused() -> None:
    again = received(a_set("855", GOOD), a_set("855", GOOD))
    assert rows(write_997(again, OUT))[2:7] == ["AK2*855*0001", "AK5*A", "AK2*855*0001", "AK5*R*23", "AK9*P*2*2*1"]


def test_an_interchange_that_is_refused_gets_a_word_of_its_own() -> None:
    body = file_of(a_group("855", a_set("855", GOOD)))
    wrong = envelope(read(body.replace(b"IEA*1*000000101", b"IEA*1*000000102")))
    assert rows(write_997(wrong, OUT)) == [
        *("TA1*000000101*260527*0000*R*001", "ST*997*0001", "AK1*PR*7", "AK2*855*0001", "AK5*R", "AK9*R*1*1*0"),
        "SE*6*0001",
    ]
    miscounted = envelope(read(body.replace(b"GE*1*7", b"GE*2*7")))
    assert rows(write_997(miscounted, OUT))[-2] == "AK9*R*2*1*0*5"
    told = records(read(write_997(miscounted, OUT).body))
    assert [(one.kind, one.status) for one in told] == [("TA1", "rejected"), ("997", "rejected"), ("997", "rejected")]


def test_999_has_words_of_its_own() -> None:
    written = write_999(received(a_set("855", GOOD.replace("PO-77", ""))), OUT)
    assert b"*^*00501*" in written.body
    assert b"*X*005010X231A1~" in written.body
    assert rows(written)[1:6] == ["AK1*PR*7*004010", "AK2*855*0001", "IK3*BAK*2**8", "IK4*3**1", "IK5*R*5"]
    assert [(one.kind, one.status) for one in records(read(written.body))] == [("999", "rejected")] * 2


def test_each_group_is_answered_by_a_set_of_its_own() -> None:
    both = file_of(a_group("855", a_set("855", GOOD)), a_group("837", a_set("837", "BHT*1"), control="8"))
    written = write_997(envelope(read(both)), OUT)
    assert [row for row in rows(written) if row.startswith(("AK1", "AK9"))] == [
        *("AK1*PR*7", "AK9*A*1*1*1", "AK1*HC*8", "AK9*R*1*1*0"),
    ]
    assert [one.group for one in records(read(written.body))] == ["7", "7", "8", "8"]


def test_what_has_no_control_number_cannot_be_answered() -> None:
    nothing = envelope(read(b"ISA"))
    written = write_997(nothing, OUT)
    assert [problem.code for problem in written.problems] == [Code.MISSING_FIELD]
