"""Settlement on receipt from the command line: a test first, then the invoices."""

from datetime import date
from decimal import Decimal

from msgspec.structs import replace
from tests.cli.conftest import Tieout
from tests.processes.company import ORDER, SUPPLIER, receipt

from tieout.model.documents import ReceiptLine
from tieout.model.events import Message
from tieout.model.facts import Fact, GoodsReceived, OrderPlaced, SupplierProposed
from tieout.policy.settling import SettlementRules, next_run

ENTITY = "DE01"
CONSIGNED = replace(ORDER.lines[0], line_id="1", kind="consignment", tax_code="V19", tax_rate=Decimal(19))
ESTIMATED = replace(CONSIGNED, line_id="2", kind="goods", matched_to="receipt", settled_on_receipt=True, estimated=True)


def tell(small: Tieout, *facts: Fact) -> None:
    for number, fact in enumerate(facts):
        key = f"{fact.type}-{number}"
        small.company().intake.offer([Message(source="test", key=key, data=fact, entity=ENTITY)])
        small.work()


def came(line_id: str, kind: str, quantity: int, on: date = date(2026, 5, 3)) -> GoodsReceived:
    line = ReceiptLine(order_line_id=line_id, quantity=Decimal(quantity))
    document = replace(receipt(receipt_id=f"{kind}-{line_id}-{on}", on=on), entity=ENTITY, kind=kind, lines=(line,))
    return GoodsReceived(receipt=document)


def test_the_test_mode_lists_what_is_settleable_and_why_the_rest_is_not(small: Tieout) -> None:
    order = replace(ORDER, entity=ENTITY, lines=(CONSIGNED, ESTIMATED))
    company = small.company()
    run = next_run(SettlementRules(), company.clock.now().date(), company.policy.entities[ENTITY].country)
    tell(
        small,
        SupplierProposed(supplier=replace(SUPPLIER, settled_on_receipt=True)),
        OrderPlaced(order=order),
        came("1", "withdrawal", 4),
        came("1", "withdrawal", 2, date(2026, 6, 3)),
        came("2", "receipt", 5),
    )
    arguments = ("settle-receipts", "--entity", ENTITY, "--through", "2026-05-31")
    before = small.ask(*arguments, "--test")
    assert [(one["rhythm"], one["due_on"], one["due_through"]) for one in before] == [
        ("month_end", str(run.due_on), str(run.through)),
        ("at_once", None, None),
    ]
    assert [(one["line_id"], one["quantity"], one["amount"]["minor"], one["reasons"]) for one in before] == [
        ("1", "4", 4000, []),
        ("2", "5", 5000, ["the price is only estimated"]),
    ]
    small.work()
    assert small.ask(*arguments, "--test") == before, "a test changes nothing"
    shown = small(*arguments, "--as", "paula").out
    assert "Settlement asked for" in shown
    assert "the price is only estimated" in shown
    small.work()
    assert [one["line_id"] for one in small.ask(*arguments, "--test")] == ["2"]
    traced = small("trace", f"SB-{ENTITY}-000001").out
    assert "self-billing" in traced
