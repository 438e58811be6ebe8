"""A verdict explains itself in sentences that an accountant can act on."""

from msgspec.structs import replace
from tests.matching.paper import D, beside, eur, invoice, judge, line, order, position, value

from tieout.matching.explain import SENTENCES, explain
from tieout.matching.plan import CODES, plan_of
from tieout.policy.tolerances import CHECKS, Limit, Tolerances

ORACLE = Tolerances(dialect="oracle_fusion", price=value("2"), quantity_received=Limit(kind="zero"))


def test_every_check_has_its_sentence_and_its_code() -> None:
    assert set(SENTENCES) == set(CODES) == set(CHECKS)


def test_a_matched_invoice_says_what_passed() -> None:
    assert explain(judge(invoice(line()), tolerances=Tolerances(price_under=value("10")))) == (
        "Matched under policy v1, read as Generic: 4 checks passed.",
        "Line 1: unit price 10 EUR/EA, in the order 10 EUR/EA (order PO-1 line 1). Passes, up to 10 EUR/EA.",
        "Line 1: unit price 10 EUR/EA, in the order 10 EUR/EA (order PO-1 line 1). Passes, down to 9.00 EUR/EA.",
        "Line 1: billed in all 100 EA, ordered 100 EA (order PO-1 line 1). Passes, up to 100 EA.",
        "Line 1: billed in all 100 EA, received 100 EA (order PO-1 line 1). Passes, up to 100 EA.",
    )


def test_what_failed_says_the_limit_the_hold_and_what_would_pass() -> None:
    document = invoice(line(price="10.25"))
    verdict = judge(document, order(position(received=D(40))), tolerances=ORACLE)
    assert explain(verdict)[:3] == (
        "Not matched under policy v1, read as Oracle Fusion Payables: 2 problems."
        " The ERP is expected to hold it as PRICE, QTY REC. It is matched again when a receipt comes.",
        "Line 1: unit price 10.25 EUR/EA, in the order 10 EUR/EA (order PO-1 line 1)."
        " Fails at a limit of 2 %, held as PRICE; passes at 10.20 EUR/EA or less.",
        "Line 1: billed in all 100 EA, received 40 EA (order PO-1 line 1)."
        " Fails at a limit of zero, held as QTY REC; passes at 40 EA or less.",
    )
    assert "Passes, without a limit." in explain(verdict)[3]


def test_what_has_no_limit_is_said_too() -> None:
    verdict = judge(invoice(line("50"), beside("freight", "5")), order(position(closed=True)))
    assert explain(verdict)[1:3] == (
        "Line closed, at 1, expected an open order line, got closed: order PO-1 line 1."
        " Passes when the order line is reopened.",
        "Charge not agreed, at F, expected no charge, got 5.00 EUR, limit zero: not in the order."
        " Passes when the charge is added to the order, or a person accepts it.",
    )


def test_what_nothing_but_another_document_can_mend_says_no_remedy() -> None:
    verdict = judge(invoice(line(unit="KGM")))
    assert explain(verdict)[1:] == ("Unit mismatch, at 1, expected EA, got KGM.",)


def test_the_whole_document_is_named() -> None:
    taxed = invoice(line(tax_rate=D(19)), tax=eur("191.00"))
    told = explain(judge(taxed, tolerances=Tolerances(tax=Limit(kind="zero"), total=Limit(kind="zero"))))
    assert told[1] == (
        "Tax: tax 191.00 EUR, by the rates 190.00 EUR (order PO-1)."
        " Fails at a limit of zero; passes at 190.00 EUR or less."
    )
    assert told[-1] == (
        "The invoice: net of the invoice 1,000.00 EUR, at the orders' prices 1,000.00 EUR (order PO-1)."
        " Passes, up to 1,000.00 EUR."
    )


def test_a_person_may_have_accepted_it() -> None:
    verdict = replace(judge(invoice(line(price="11"))), matched=True)
    assert explain(verdict)[0] == "Accepted by a person under policy v1, read as Generic: 1 problem."


def test_a_verdict_from_before_there_were_dialects_still_explains_itself() -> None:
    old = replace(judge(invoice(line())), dialect="", checks=())
    assert explain(old) == ("Matched under policy v1, read as no dialect: 0 checks passed.",)


def test_a_unit_of_three_letters_is_not_taken_for_a_currency() -> None:
    kilograms = order(position(unit="KGM", ordered=D(7)))
    problem = judge(invoice(line("8.5", unit="KGM")), kilograms).problems[0]
    assert (problem.expected, problem.actual) == ("7 KGM", "8.5 KGM")


def test_a_plan_is_made_once() -> None:
    assert plan_of(Tolerances(price=value("2"))) is plan_of(Tolerances(price=value("2")))
