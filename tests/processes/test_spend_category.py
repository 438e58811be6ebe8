"""What an invoice mostly buys: from its lines, or those of its orders, to the people who know that kind of thing."""

from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace
from tests.processes.company import ORDER, POLICY, bill, eur, receipt, receive, story

from tieout.model.cases import Case
from tieout.model.documents import Invoice, InvoiceLine, OrderLine, PurchaseOrder, ReceiptLine
from tieout.model.facts import CaseOpened, CaseRouted, GoodsReceived, OrderPlaced
from tieout.policy.routing import Routing
from tieout.processes.invoice.cases import spend_category

IT = Routing(name="IT", spend_categories=("UNSPSC:43",), role="IT purchasing")
NOTEBOOKS, SCREENS, CLEANING = "UNSPSC:43211503", "UNSPSC:43211902", "UNSPSC:76111501"


def line(net: str, category: str = "", order_line_id: str = "1", **changes: object) -> InvoiceLine:
    plain = InvoiceLine(
        line_id=f"{net}/{category}/{order_line_id}",
        quantity=Decimal(1),
        unit="EA",
        unit_price=Decimal(net),
        net=eur(net),
        order_id="PO-1",
        order_line_id=order_line_id,
        category=category,
    )
    return replace(plain, **changes)


def mixed(*lines: InvoiceLine) -> Invoice:
    net = sum((one.net for one in lines), eur("0.00"))
    return bill(lines=lines, net=net, tax=eur("0.00"), gross=net)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        pytest.param([line("100")], "", id="nobody says"),
        pytest.param([line("100", NOTEBOOKS)], NOTEBOOKS, id="one"),
        pytest.param([line("99", NOTEBOOKS), line("100", CLEANING)], CLEANING, id="the larger amount"),
        pytest.param([line("60", NOTEBOOKS), line("100", CLEANING), line("41", NOTEBOOKS)], NOTEBOOKS, id="added up"),
        pytest.param([line("60", NOTEBOOKS), line("100", CLEANING), line("60", SCREENS)], CLEANING, id="code by code"),
        pytest.param([line("100", CLEANING), line("100", NOTEBOOKS)], NOTEBOOKS, id="a tie goes by the code"),
        pytest.param([line("900"), line("1", NOTEBOOKS)], NOTEBOOKS, id="what has none counts for none"),
        pytest.param([line("900", kind="freight"), line("1", NOTEBOOKS)], NOTEBOOKS, id="freight decides nothing"),
        pytest.param(
            [line("80", NOTEBOOKS), line("-70", NOTEBOOKS), line("20", CLEANING)], CLEANING, id="less returns"
        ),
    ],
)
def test_a_mixed_invoice_is_of_the_largest_amount(lines: list[InvoiceLine], found: str) -> None:
    assert spend_category(mixed(*lines)) == found
    assert spend_category(mixed(*reversed(lines))) == found


def ordered(*categories: str) -> PurchaseOrder:
    lines = tuple(
        OrderLine(
            line_id=str(number),
            item=f"item {number}",
            quantity=Decimal(1),
            unit="EA",
            unit_price=Decimal(10),
            receipt_required=False,
            category=category,
        )
        for number, category in enumerate(categories, 1)
    )
    return replace(ORDER, lines=lines)


def opened(order: PurchaseOrder, document: Invoice) -> tuple[Case, CaseRouted]:
    """The case about an invoice that is dearer than its order, and to whom it goes."""
    told = story(order=False, received="0", policy=replace(POLICY, routing=(IT,)))
    told.tell(OrderPlaced(order=order), entity="de")
    receive(told, document)
    (case,) = {event.data.case for event in told.events if isinstance(event.data, CaseOpened)}
    (routed,) = (event.data for event in told.events if isinstance(event.data, CaseRouted))
    assert told.rows("case")[told.events[-1].subject]["spend_category"] == case.spend_category
    return case, routed


@pytest.mark.parametrize(
    ("order", "document", "found", "owner"),
    [
        (ordered(""), mixed(line("20", NOTEBOOKS)), NOTEBOOKS, "IT purchasing"),
        (ordered(NOTEBOOKS), mixed(line("20")), NOTEBOOKS, "IT purchasing"),
        (ordered(NOTEBOOKS), mixed(line("20", CLEANING)), CLEANING, "purchasing"),
        (ordered(NOTEBOOKS, CLEANING), mixed(line("20"), line("30", order_line_id="2")), CLEANING, "purchasing"),
        (ordered(CLEANING), mixed(line("20", order_id="PO-9")), "", "purchasing"),
        (ordered(""), mixed(line("20")), "", "purchasing"),
    ],
)
def test_a_case_goes_to_those_who_know_what_is_bought(
    order: PurchaseOrder, document: Invoice, found: str, owner: str
) -> None:
    case, routed = opened(order, document)
    assert (case.spend_category, routed.owner) == (found, owner)
    assert case.category == "invoice", "the kind of invoice is another question"


@pytest.mark.parametrize(
    ("order", "found"),
    [
        (ordered(NOTEBOOKS, CLEANING), NOTEBOOKS),
        (replace(ORDER, lines=(replace(ordered(NOTEBOOKS).lines[0], price_per=Decimal(100)), ordered("", CLEANING).lines[1])), CLEANING),
        (replace(ORDER, lines=(replace(ordered(NOTEBOOKS).lines[0], limit=eur("9.99")), ordered("", CLEANING).lines[1])), CLEANING),
        (ordered(""), ""),
    ],
)  # fmt: skip
def test_a_case_about_an_order_goes_by_what_the_order_buys(order: PurchaseOrder, found: str) -> None:
    """A receipt of a line that the order does not know."""
    told = story(order=False, received="0", policy=replace(POLICY, routing=(IT,)))
    told.tell(OrderPlaced(order=order), entity="de")
    strange = replace(receipt("1"), lines=(ReceiptLine(order_line_id="9", quantity=Decimal(1)),))
    told.tell(GoodsReceived(receipt=strange), entity="de")
    (case,) = (event.data.case for event in told.events if isinstance(event.data, CaseOpened))
    (routed,) = (event.data for event in told.events if isinstance(event.data, CaseRouted))
    assert (case.case_class, case.spend_category) == ("receipt_mismatch", found)
    assert (routed.rule == "IT") is (found == NOTEBOOKS)


def test_what_was_written_before_there_were_categories_still_decodes() -> None:
    """Of an older log, a document has no rate and no category, and is written as it was."""
    for one in (ORDER, bill()):
        written = msgspec.json.encode(one)
        assert not [name for name in (b"category", b"conversion", b"converted_to") if name in written]
        assert msgspec.json.decode(written, type=type(one)) == one
    older = b'{"case_class":"currency","document":"inv-1","reason":"it differs","category":"invoice"}'
    assert msgspec.json.encode(msgspec.json.decode(older, type=Case)) == older
