"""What an expert will throw at matching: one test for each assertion, named after it."""

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.matching.paper import CREDIT, D, beside, eur, failed, invoice, judge, line, order, position, value

from tieout.kernel.problem import Code, Problem
from tieout.matching.orders import LinePosition
from tieout.matching.settlement import unmet
from tieout.model.documents import OrderCharge, Supplier, UnitFactor
from tieout.model.verdict import Allocation
from tieout.policy.tolerances import Limit, Tolerances

ZERO = Limit(kind="zero")


def codes(verdict: object) -> list[Code]:
    return [problem.code for problem in verdict.problems]  # type: ignore[attr-defined]


def test_zero_tolerance_exactness() -> None:
    exact = Tolerances(quantity_ordered=ZERO)
    verdict = judge(invoice(line("100.002")), order(position(received=D(200))), tolerances=exact)
    assert failed(verdict) == [("quantity_ordered", "100", "100.002", "100")]
    assert judge(invoice(line("100.000")), tolerances=exact).matched


def test_blank_is_not_zero() -> None:
    document = invoice(line("150", "12"))
    assert judge(document, tolerances=Tolerances(dialect="oracle_fusion")).matched
    zeros = Tolerances(dialect="oracle_fusion", price=ZERO, quantity_ordered=ZERO, quantity_received=ZERO)
    assert judge(document, tolerances=zeros).holds == ("PRICE", "QTY ORD", "QTY REC")
    assert judge(document, tolerances=replace(zeros, dialect="oracle_ebs")).matched


def test_and_is_not_or() -> None:
    document = invoice(line(price="10.80"))
    both = Tolerances(dialect="ariba", price=value("5", "1", combine="all"))
    either = Tolerances(dialect="ariba", price=value("5", "1", combine="any"))
    assert failed(judge(document, tolerances=both)) == [("price", "10", "10.8", "10.5")]
    assert judge(document, tolerances=either).matched


def test_cumulative_partials() -> None:
    third = judge(invoice(line("30.001")), order(position(billed=D(70))))
    assert failed(third) == [
        ("quantity_ordered", "100", "100.001", "100"),
        ("quantity_received", "100", "100.001", "100"),
    ]
    assert judge(invoice(line("30")), order(position(billed=D(70)))).matched


def test_over_receipt() -> None:
    """More that came may be billed only when the order allows it: receiving has a tolerance of its own."""
    over = order(position(received=D(110)))
    assert failed(judge(invoice(line("110")), over)) == [("quantity_ordered", "100", "110", "100")]
    allowed = Tolerances(quantity_ordered=value("10"))
    assert judge(invoice(line("110")), over, tolerances=allowed).matched
    assert failed(judge(invoice(line("110.01")), over, tolerances=allowed)) == [
        ("quantity_ordered", "100", "110.01", "110"),
        ("quantity_received", "110", "110.01", "110"),
    ]


def test_credit_memo_capacity() -> None:
    """A credit note gives back what was billed, and never opens room above what was received."""
    billed = order(position(ordered=D(200), billed=D(100)))
    credit = judge(invoice(line("40"), kind=CREDIT), billed)
    assert credit.allocations == (Allocation("PO-1", "1", D(-40), eur("-400.00")),)
    over = judge(invoice(line("100.001"), kind=CREDIT), billed)
    assert over.problems == (
        Problem(
            Code.CREDIT_OVER_BILLED,
            "1",
            "at most 100 EA",
            "100.001 EA",
            detail="order PO-1 line 1",
            passes="100 EA or less",
        ),
    )
    over_credited = order(position(ordered=D(200), billed=D(-40)))
    assert failed(judge(invoice(line("100.001")), over_credited)) == [("quantity_received", "100", "100.001", "100")]


def test_unit_conversion() -> None:
    """The order's factor counts first, then the standard's within one dimension; never across."""
    boxes = order(position(units=(UnitFactor(unit="XBX", factor=D(12)),)))
    assert failed(judge(invoice(line("9", "120", unit="XBX")), boxes)) == [
        ("quantity_ordered", "100", "108", "100"),
        ("quantity_received", "100", "108", "100"),
    ]
    full = judge(invoice(line("8", "120", unit="XBX")), boxes)
    assert full.allocations == (Allocation("PO-1", "1", D(96), eur("960.00")),)
    kilograms = order(position(unit="KGM"))
    grams = judge(invoice(line("100000", "0.01", unit="GRM")), kilograms)
    assert grams.allocations == (Allocation("PO-1", "1", D(100), eur("1000.00")),)
    across = judge(invoice(line(unit="LTR")), kilograms)
    assert across.problems == (Problem(Code.UNIT_MISMATCH, "1", "KGM", "LTR"),)
    unknown = judge(invoice(line(unit="XPX")), kilograms)
    assert unknown.problems == (Problem(Code.UNIT_MISMATCH, "1", "KGM", "XPX"),)


def test_a_unit_that_is_no_decimal_of_the_order_s_is_exact() -> None:
    dozens = order(position(unit="DZN", ordered=D(1), received=D(1), unit_price=D(12)))
    assert judge(invoice(line("12", "1")), dozens).allocations == (Allocation("PO-1", "1", D(1), eur("12.00")),)
    thirteen = judge(invoice(line("13", "1.0001")), dozens)
    assert [(one[0], one[3]) for one in failed(thirteen)] == [
        ("price", "12"),
        ("quantity_ordered", "1"),
        ("quantity_received", "1"),
    ]
    assert failed(thirteen)[0][2] == "12.0012"


def test_price_unit() -> None:
    """5.00 for 100 against 0.05 for one: compared by cross-multiplication."""
    hundred = order(position(unit_price=D(5), price_per=D(100)))
    assert judge(invoice(line("100", "0.05")), hundred).matched
    dearer = judge(invoice(line("100", "0.0500001")), hundred)
    assert failed(dearer) == [("price", "5", "5.00001", "5")]
    assert dearer.problems[0].expected == "5 EUR/100 EA"
    thousand = judge(invoice(line("100", "50.01", price_per=D(1000))), hundred)
    assert failed(thousand) == [("price", "5", "5.001", "5")]
    assert judge(invoice(line("100", "50", price_per=D(1000))), hundred).matched
    third = order(position(unit_price=D(1), price_per=D(3)))
    assert judge(invoice(line("100", "2", price_per=D(6), net="66.67")), third).matched


def test_ers_blocked_by_estimated_price() -> None:
    firm = position(settled_on_receipt=True, matched_to_receipt=True)
    agrees = Supplier(supplier_id="s", name="Acme", tax_id="DE1", settled_on_receipt=True)
    assert list(unmet(agrees, firm, flagged=True, tax_code="V1", terms_days=30)) == []
    estimated = unmet(agrees, replace(firm, estimated=True), flagged=True, tax_code="V1", terms_days=30)
    assert list(estimated) == ["the price is only estimated"]


def test_ers_and_an_invoice_is_a_duplicate() -> None:
    settled = order(position(settled_on_receipt=True, billed=D(60)))
    verdict = judge(invoice(line("40")), settled)
    assert codes(verdict) == [Code.SETTLED_ON_RECEIPT]
    assert verdict.problems[0].actual == "60 EA settled by us"
    assert judge(invoice(line("40"), purpose="self_billed"), settled).matched
    assert codes(judge(invoice(line("40"), kind=CREDIT), settled)) == [Code.SETTLED_ON_RECEIPT]
    assert judge(invoice(line("40"), kind=CREDIT, purpose="self_billed"), settled).matched
    assert judge(invoice(line("40")), order(position(settled_on_receipt=True))).matched


def test_consignment_on_withdrawal() -> None:
    consigned = order(position(kind="consignment", received=D(30)))
    verdict = judge(invoice(line("30")), consigned)
    assert codes(verdict) == [Code.CONSIGNMENT_BILLED]
    settled = judge(invoice(line("30"), purpose="self_billed"), consigned)
    assert settled.matched
    credit = judge(invoice(line("30"), kind=CREDIT), order(position(kind="consignment", received=D(30), billed=D(30))))
    assert [(one.code, one.actual) for one in credit.problems] == [
        (Code.CONSIGNMENT_BILLED, "a supplier's credit note")
    ]
    over = judge(invoice(line("30.5"), purpose="self_billed"), consigned)
    assert failed(over) == [("quantity_received", "30", "30.5", "30")]
    assert over.problems[0].detail == "order PO-1 line 1, received by withdrawals"


def test_unplanned_freight() -> None:
    document = invoice(line(), beside("freight", "20.00"))
    refused = judge(document)
    assert refused.problems == (
        Problem(
            Code.CHARGE_NOT_AGREED,
            "F",
            "no charge",
            "20.00 EUR",
            "zero",
            "not in the order",
            "the charge is added to the order, or a person accepts it",
        ),
    )
    account = Tolerances(unplanned_charges="account", unplanned=value("2", "25", combine="any"))
    assert judge(document, tolerances=account).allocations == (Allocation("PO-1", "1", D(100), eur("1000.00")),)
    spread = replace(account, unplanned_charges="spread")
    assert judge(document, tolerances=spread).allocations == (Allocation("PO-1", "1", D(100), eur("1020.00")),)
    over = judge(invoice(line(), beside("freight", "25.01")), tolerances=account)
    assert failed(over) == [("unplanned", "0", "25.01", "25")]
    assert over.problems[0].code is Code.CHARGE_NOT_AGREED


def test_planned_freight_is_matched_with_the_order_s_condition() -> None:
    agreed = OrderCharge(charge_id="K1", kind="freight", amount=eur("50.00"))
    freight = order(charges=(agreed,), charged_minor={"K1": 2000})
    verdict = judge(invoice(line(), beside("freight", "30.00")), freight)
    assert verdict.allocations == (
        Allocation("PO-1", "1", D(100), eur("1000.00")),
        Allocation("PO-1", "", D(0), eur("30.00"), charge_id="K1"),
    )
    over = judge(invoice(line(), beside("freight", "30.01")), freight)
    assert failed(over) == [("freight", "50", "50.01", "50")]
    assert (over.problems[0].code, over.problems[0].detail) == (
        Code.CHARGE_OVER_AGREED,
        "order PO-1 freight K1",
    )
    wider = Tolerances(freight=value("1"))
    assert judge(invoice(line(), beside("freight", "30.50")), freight, tolerances=wider).matched


def test_tax_excluded() -> None:
    """No price, quantity or amount check looks at tax; tax has a check of its own."""
    limits = Tolerances(price=ZERO, amount=ZERO, total=ZERO, schedule_amount=ZERO)
    document = invoice(line(tax_rate=D(19)), tax=eur("190.00"))
    wrong = replace(document, tax=eur("900.00"), gross=eur("1900.00"))
    assert judge(document, tolerances=limits).matched
    assert judge(wrong, tolerances=limits).matched
    own = judge(wrong, tolerances=replace(limits, tax=ZERO))
    assert failed(own) == [("tax", "190", "900", "190")]
    assert codes(own) == [Code.TAX_DIFFERS]


def test_currency_mismatch() -> None:
    dollars = order(currency="USD")
    verdict = judge(invoice(line()), dollars, tolerances=Tolerances(dialect="oracle_fusion"))
    assert verdict.problems == (Problem(Code.CURRENCY_MISMATCH, "1", "USD", "EUR"),)
    assert verdict.holds == ("CURRENCY DIFFERENCE",)
    rates = order(conversion_rate=D("1.10"))
    limit = Tolerances(dialect="oracle_fusion", conversion_rate=value(None, "10"))
    assert judge(invoice(line(), conversion_rate=D("1.11")), rates, tolerances=limit).matched
    dearer = judge(invoice(line(), conversion_rate=D("1.1101")), rates, tolerances=limit)
    assert failed(dearer) == [("conversion_rate", "1100", "1110.1", "1110")]
    assert (dearer.holds, codes(dearer)) == (("MAX RATE AMOUNT",), [Code.RATE_OVER_LIMIT])


# ── what must hold whatever comes in whatever order ────────────────────────────────────────────────────────────────

UNITS = (UnitFactor(unit="XBX", factor=D("2.5")),)


@dataclass
class Ledger:
    """An order line that takes receipts, invoices and credit notes one after the other, as the order process does."""

    line: LinePosition = field(default_factory=lambda: position(ordered=D(50), received=D(0), units=UNITS))
    tolerances: Tolerances = field(default_factory=lambda: Tolerances(quantity_received=value("10")))

    def tell(self, what: str, quantity: Decimal, unit: str) -> bool:
        if what == "receive":
            self.line = replace(self.line, received=self.line.received + quantity)
            return True
        kind = {"kind": CREDIT} if what == "credit" else {}
        price = {"EA": "10", "XBX": "25", "DZN": "120", "PR": "20"}[unit]
        document = invoice(line(str(quantity), price, unit=unit), **kind)
        verdict = judge(document, order(self.line), tolerances=self.tolerances)
        for one in verdict.allocations:
            self.line = replace(self.line, billed=self.line.billed + one.quantity)
        return verdict.matched


steps = st.lists(
    st.tuples(
        st.sampled_from(["receive", "bill", "credit"]),
        st.decimals("0.001", "20", places=3, allow_nan=False),
        st.sampled_from(["EA", "XBX", "DZN", "PR"]),
    ),
    max_size=25,
)


@given(steps)
def test_billed_never_exceeds_received_beyond_tolerance_whatever_comes(told: list[tuple[str, Decimal, str]]) -> None:
    ledger = Ledger()
    for one in told:
        before = ledger.line
        ledger.tell(*one)
        assert 0 <= ledger.line.billed <= 50
        if one[0] == "bill":
            assert ledger.line.billed <= ledger.line.received * D("1.1") or ledger.line == before


@given(steps)
def test_a_credit_note_never_opens_capacity(told: list[tuple[str, Decimal, str]]) -> None:
    """What may still be billed after a credit note is never more than what was received allows."""
    ledger = Ledger()
    for one in told:
        ledger.tell(*one)
    room = min(D(50), ledger.line.received * D("1.1")) - max(ledger.line.billed, D(0))
    assert not ledger.tell("bill", room + D("0.0001"), "EA")
