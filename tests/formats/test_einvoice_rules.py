"""The business rules of EN 16931 on the semantic model: what each asks, and how much a sum may be off."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.formats.einvoice.rules import RULES, Weight, holds, prove, remark
from tieout.formats.einvoice.rules.rule import rounded
from tieout.formats.einvoice.semantic import (
    AllowanceCharge,
    Line,
    Party,
    Payment,
    Period,
    SemanticInvoice,
    Tax,
    TaxPart,
    Totals,
)
from tieout.formats.einvoice.ubl import semantic_of
from tieout.formats.reading import Findings, Limits
from tieout.formats.xml import tree
from tieout.kernel.problem import Code, Problem

S19 = Tax(category="S", rate=Decimal(19))
INVOICE = SemanticInvoice(
    currency="EUR",
    seller=Party(name="S", vat_id="DE129273398"),
    buyer=Party(name="B", vat_id="FR11999999998"),
    payment_terms="30 days",
    totals=Totals(
        lines=Decimal("100"),
        allowances=Decimal("10"),
        net=Decimal("90"),
        tax=Decimal("17.10"),
        gross=Decimal("107.10"),
        payable=Decimal("107.10"),
    ),
    allowances_charges=(AllowanceCharge(is_charge=False, amount=Decimal(10), tax=S19, reason="Loyalty"),),
    taxes=(TaxPart(taxable=Decimal("90"), amount=Decimal("17.10"), tax=S19, where="TaxSubtotal, line 7"),),
    lines=(Line(line_id="1", quantity=Decimal(1), net=Decimal("100"), price=Decimal(100), tax=S19),),
)


def with_totals(**changes: Decimal | None) -> SemanticInvoice:
    return msgspec.structs.replace(INVOICE, totals=msgspec.structs.replace(INVOICE.totals, **changes))


def with_category(code: str, rate: str | None, *, explained: bool = True) -> SemanticInvoice:
    """The same invoice in another VAT category, without VAT."""
    tax = Tax(category=code, rate=None if rate is None else Decimal(rate), exemption="because" if explained else "")
    return msgspec.structs.replace(
        INVOICE,
        totals=msgspec.structs.replace(INVOICE.totals, tax=Decimal(0), gross=Decimal(90), payable=Decimal(90)),
        allowances_charges=tuple(msgspec.structs.replace(each, tax=tax) for each in INVOICE.allowances_charges),
        taxes=(TaxPart(taxable=Decimal(90), amount=Decimal(0), tax=tax),),
        lines=tuple(msgspec.structs.replace(each, tax=tax) for each in INVOICE.lines),
    )


def broken(invoice: SemanticInvoice) -> list[str]:
    return [name for name, rule in RULES.items() if not holds(rule, invoice)]


def test_a_good_invoice_breaks_nothing() -> None:
    assert broken(INVOICE) == []
    assert len(RULES) >= 130


def test_every_rule_has_an_id_of_its_own_and_says_what_it_is_about() -> None:
    assert all(rule.rule_id == name and rule.says for name, rule in RULES.items())


@pytest.mark.parametrize(
    ("invoice", "rules"),
    [
        (with_totals(lines=Decimal("100.01")), ["BR-CO-10", "BR-CO-13"]),
        (with_totals(allowances=None), ["BR-CO-11", "BR-CO-13"]),
        (with_totals(charges=Decimal("0.01")), ["BR-CO-12", "BR-CO-13"]),
        (with_totals(charges=Decimal(0)), []),
        (with_totals(tax=Decimal("17.11")), ["BR-CO-14", "BR-CO-15"]),
        (with_totals(gross=Decimal("107.11")), ["BR-CO-15", "BR-CO-16"]),
        (with_totals(prepaid=Decimal("7.10"), payable=Decimal("100")), []),
        (with_totals(rounding=Decimal("-0.10"), payable=Decimal("107")), []),
        (with_totals(rounding=Decimal("0.10"), payable=Decimal("107")), ["BR-CO-16"]),
        (with_totals(gross=Decimal("107.100")), ["BR-DEC-14"]),
        (msgspec.structs.replace(INVOICE, taxes=()), ["BR-S-01", "BR-CO-18"]),
        (msgspec.structs.replace(INVOICE, payment_terms=""), ["BR-CO-25"]),
        (msgspec.structs.replace(INVOICE, seller=Party(name="S")), ["BR-S-02", "BR-S-03", "BR-CO-26"]),
        (msgspec.structs.replace(INVOICE, seller=Party(name="S", vat_id="129273398")), ["BR-CO-09"]),
        (msgspec.structs.replace(INVOICE, payments=(Payment(means_code="58"),)), ["BR-61"]),
        (msgspec.structs.replace(INVOICE, period=Period()), ["BR-CO-19"]),
        (msgspec.structs.replace(INVOICE, tax_currency="SEK"), ["BR-53"]),
        (with_category("AE", "0"), []),
        (with_category("K", "0"), ["BR-IC-11", "BR-IC-12"]),
        (with_category("G", "0"), []),
        (with_category("Z", "0", explained=False), []),
        (with_category("Z", "0"), ["BR-Z-10"]),
        (with_category("E", "0", explained=False), ["BR-E-10"]),
        (with_category("E", "7"), ["BR-CO-17", "BR-E-05", "BR-E-06"]),
        (with_category("O", None), ["BR-O-02", "BR-O-03"]),
        (with_category("O", "0"), ["BR-O-02", "BR-O-03", "BR-O-05", "BR-O-06"]),
    ],
)  # fmt: skip
def test_each_change_breaks_its_rules_and_no_other(invoice: SemanticInvoice, rules: list[str]) -> None:
    assert sorted(broken(invoice)) == sorted(rules)


@pytest.mark.parametrize(("amount", "right"), [("18.09", True), ("16.11", True), ("18.10", False), ("-17.10", False)])
def test_the_vat_of_a_category_may_be_off_by_less_than_one(amount: str, right: bool) -> None:
    part = msgspec.structs.replace(INVOICE.taxes[0], amount=Decimal(amount))
    assert holds(RULES["BR-CO-17"], msgspec.structs.replace(INVOICE, taxes=(part,))) is right


@pytest.mark.parametrize(("base", "right"), [("90.99", True), ("89.01", True), ("91", False), ("89", False)])
def test_the_base_of_a_taxed_category_may_be_off_by_less_than_one(base: str, right: bool) -> None:
    part = msgspec.structs.replace(INVOICE.taxes[0], taxable=Decimal(base))
    assert holds(RULES["BR-S-08"], msgspec.structs.replace(INVOICE, taxes=(part,))) is right


def test_the_base_of_any_other_category_is_exact() -> None:
    invoice = with_category("AE", "0")
    part = msgspec.structs.replace(invoice.taxes[0], taxable=Decimal("90.01"))
    assert broken(msgspec.structs.replace(invoice, taxes=(part,))) == ["BR-AE-08"]


def test_sums_are_claims_and_form_is_a_note() -> None:
    part = msgspec.structs.replace(INVOICE.taxes[0], taxable=Decimal("80"))
    invoice = msgspec.structs.replace(INVOICE, taxes=(part,), payment_terms="")
    findings = Findings()
    prove(invoice, findings)
    remark(invoice, findings)
    assert findings.complete
    assert [claim.name.partition(":")[0] for claim in findings.proof.claims if not claim.holds] == [
        "BR-CO-17",
        "BR-S-08",
    ]
    assert findings.diagnostics() == (
        Problem(
            Code.TOTALS_DISAGREE,
            "TaxSubtotal, line 7",
            expected="15.20 EUR",
            actual="17.10 EUR",
            detail="BR-CO-17: VAT of one category (BT-117)",
        ),
        Problem(
            Code.TOTALS_DISAGREE,
            "TaxSubtotal, line 7",
            expected="90 EUR",
            actual="80 EUR",
            detail="BR-S-08: base of the VAT that is standard rated (BT-116)",
        ),
        Problem(Code.MISSING_FIELD, detail="BR-CO-25: due day or terms of payment (BT-9, BT-20)"),
    )


def test_the_same_arithmetic_is_claimed_once() -> None:
    findings = Findings()
    prove(INVOICE, findings)
    claimed = {claim.name.partition(":")[0] for claim in findings.proof.claims}
    assert claimed.isdisjoint(name for name, rule in RULES.items() if rule.weight is not Weight.SUM)
    assert "BR-CO-17" in claimed


@given(st.decimals("-1e9", "1e9", places=4))
def test_rounding_is_half_up_towards_plus_infinity(amount: Decimal) -> None:
    cents = rounded(amount, "EUR") * 100
    assert cents == cents.to_integral_value()
    assert Decimal("-0.5") <= cents - amount * 100 <= Decimal("0.5")
    assert cents - amount * 100 != Decimal("-0.5")


@given(st.lists(st.decimals("-1e6", "1e6", places=2), min_size=1, max_size=30), st.randoms())
def test_the_order_of_lines_changes_no_answer(amounts: list[Decimal], random: object) -> None:
    lines = [Line(line_id=str(number), net=amount, tax=S19) for number, amount in enumerate(amounts)]
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    totals = Totals(lines=sum(amounts, Decimal(0)))
    one, other = (SemanticInvoice(currency="EUR", totals=totals, lines=tuple(each)) for each in (lines, shuffled))
    assert holds(RULES["BR-CO-10"], one)
    assert broken(one) == broken(other)


def test_every_field_that_finance_needs_is_read_from_ubl() -> None:
    root = tree((Path(__file__).parent / "data" / "einvoice" / "everything.xml").read_bytes(), Limits())
    assert not isinstance(root, Problem)
    findings = Findings()
    semantic = semantic_of(root, findings)
    assert findings.complete
    nothing = SemanticInvoice()
    unread = [
        name
        for name in semantic.__struct_fields__
        if getattr(semantic, name) == getattr(nothing, name) and name not in ("is_credit_note", "standard")
    ]
    assert unread == []
    (line,) = semantic.lines
    assert [name for name in line.__struct_fields__ if getattr(line, name) == getattr(Line(), name)] == []
    payment = semantic.payments[0]
    assert (payment.remittance, payment.mandate, payment.transfers[0].bic) == ("RF18", "MANDATE-1", "DEUTDEFF")
    assert semantic.preceding[0].number == "R-0"
    assert semantic.attachments[0].name == "hours.pdf"
    assert semantic.totals.tax_other == Decimal("200.00")
