"""Facts have stable names, survive being written, and old readers understand newer writers."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from tests.processes.company import ORDER, SUPPLIER, bill, posting, receipt, receive, story

from tieout.model.documents import InvoiceKind, OrderLine
from tieout.model.effects import PAYLOADS, effect_id
from tieout.model.events import Event, to_cloudevent
from tieout.model.facts import (
    FACTS,
    AccrualRequested,
    ApprovalDecided,
    Fact,
    GoodsReceived,
    InvoicePosted,
    InvoiceReceived,
    OrderPlaced,
    SupplierProposed,
    decode_fact,
    encode_fact,
)
from tieout.model.standings import STANDINGS
from tieout.model.views import VIEWS
from tieout.processes.registry import PROCESSES

EXAMPLES = [
    SupplierProposed(supplier=SUPPLIER),
    OrderPlaced(order=ORDER),
    GoodsReceived(receipt=receipt("2.500")),
    InvoiceReceived(invoice=bill(), channel="portal", system_id="7"),
    InvoicePosted(posting=posting(bill())),
    ApprovalDecided(approved=False, approver="anna", decided_at=datetime(2026, 5, 4, tzinfo=UTC)),
]


@pytest.mark.parametrize("fact", EXAMPLES, ids=lambda fact: fact.type)
def test_what_is_written_is_read_back(fact: Fact) -> None:
    assert decode_fact(fact.type, encode_fact(fact)) == fact
    assert encode_fact(decode_fact(fact.type, encode_fact(fact))) == encode_fact(fact)


def test_a_field_of_a_newer_writer_does_not_break_an_older_reader() -> None:
    data = msgspec.json.decode(encode_fact(EXAMPLES[5])) | {"mood": "good"}
    assert decode_fact("invoice.approval_decided", msgspec.json.encode(data)) == EXAMPLES[5]


def test_names_are_unique_and_say_what_they_are_about() -> None:
    assert all(cls.type == name and "." in name and cls.__doc__ for name, cls in FACTS.items())
    assert len({cls.__name__ for cls in FACTS.values()}) == len(FACTS)


def test_an_unknown_fact_and_wrong_data_are_told_apart() -> None:
    with pytest.raises(KeyError):
        decode_fact("invoice.vanished", b"{}")
    with pytest.raises(msgspec.ValidationError):
        decode_fact("invoice.approval_decided", b'{"approved": "no"}')


@pytest.mark.parametrize("quantity", ["NaN", "Infinity", "1" * 29])
def test_quantities_are_plain_numbers(quantity: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        OrderLine(line_id="1", item="x", quantity=Decimal(quantity), unit="EA", unit_price=Decimal(1))


def test_credit_notes_lower_what_is_owed() -> None:
    assert bill().payable.minor == 11900
    assert bill(kind=InvoiceKind.CREDIT_NOTE).payable.minor == -11900


def test_an_event_is_a_cloud_event() -> None:
    moment = datetime(2026, 5, 4, 8, tzinfo=UTC)
    request = AccrualRequested(entity="de", period="2026-05", order_id="PO-1", supplier_id="sup_1")
    event = Event("3.7", "s", request, "de", "c", "3.6", "person:anna", moment, moment, "p1")
    assert to_cloudevent(event) == {
        "specversion": "1.0",
        "id": "3.7",
        "source": "tieout",
        "type": "org.tieout.accrual.requested.v1",
        "subject": "s",
        "time": "2026-05-04T08:00:00Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:tieout:schema:accrual.requested:1",
        "entity": "de",
        "correlationid": "c",
        "causationid": "3.6",
        "actor": "person:anna",
        "policyversion": "p1",
        "recordedtime": "2026-05-04T08:00:00Z",
        "data": {"entity": "de", "period": "2026-05", "order_id": "PO-1", "supplier_id": "sup_1"},
    }


def test_effects_have_one_id_for_one_business_key() -> None:
    assert effect_id("erp", "post_invoice", "inv_1") == effect_id("erp", "post_invoice", "inv_1")
    assert len({effect_id(c, o, "k") for c in ("erp", "ap") for o in PAYLOADS}) == 2 * len(PAYLOADS)


def test_processes_show_views_that_exist_with_exactly_their_columns() -> None:
    assert {process.view for process in PROCESSES if process.view} == set(VIEWS)
    told = story(received="4")
    receive(told, bill())
    for view in ("supplier", "order", "invoice", "case"):
        rows = told.rows(view)
        assert rows
        assert all(set(row) == set(VIEWS[view].columns) for row in rows.values())


def test_every_standing_has_a_title() -> None:
    assert all(kind.title for kind in STANDINGS.values())
