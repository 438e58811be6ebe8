"""The procurement system's connector against the lab's: real HTTP, revisions, late receipts, and lost answers."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from tests.lab.kit import Kept, client, eventually, ok, order, set_faults, struck

from tieout.conformance.connector import ConnectorConformance, Misbehaviour
from tieout.connectors.procurement import Procurement, ProcurementConfig, connect
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import ConfigError, TransientError
from tieout.model.documents import (
    Address,
    BankAccount,
    GoodsReceipt,
    OrderLine,
    PurchaseOrder,
    ReceiptLine,
    Supplier,
    Total,
)
from tieout.model.effects import CreateOrder, UpsertSupplier, effect_id
from tieout.model.events import Message
from tieout.model.facts import GoodsReceived, OrderPlaced, SupplierProposed
from tieout.model.identity import supplier_id_of
from tieout.ports import Absent, Applied, Connector, Effect, Refused, Retry, Scope, Unknown
from tieout_lab import procurement as procurement_server
from tieout_lab.serving import Card, Hosted

NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
TAX_ID = "DE123456788"
SUPPLIER_ID = supplier_id_of(TAX_ID)
SUPPLIER = Supplier(
    supplier_id=SUPPLIER_ID,
    name="Papier Müller GmbH",
    tax_id=TAX_ID,
    address=Address(street="Ring 1", postal_code="10115", town="Berlin", country="DE"),
    bank_account=BankAccount(iban="NL91ABNA0417164300", holder="Papier Müller GmbH"),
)
VENDOR = {
    "name": "Papier Müller GmbH",
    "tax_id": TAX_ID,
    "street": "Ring 1",
    "postal_code": "10115",
    "town": "Berlin",
    "country": "DE",
    "iban": "NL91ABNA0417164300",
}


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    with Hosted(procurement_server.build, tmp_path / "procurement") as server:
        yield server.card


@pytest.fixture
def http(card: Card) -> Iterator[httpx2.Client]:
    """The door of the buyers and the warehouse."""
    with client(card) as session:
        yield session


@pytest.fixture
def kept() -> Kept:
    return Kept()


def open_procurement(
    card: Card, kept: Kept | None = None, transport: httpx2.BaseTransport | None = None, **more: Any
) -> Procurement:
    config = ProcurementConfig(**{"url": card.url, "api_key": "env:UNUSED", **more})
    return Procurement(config, card.secrets["api_key"], kept or Kept(), VirtualClock(NOW), transport=transport)


@pytest.fixture
def procurement(card: Card, kept: Kept) -> Iterator[Procurement]:
    connector = open_procurement(card, kept)
    yield connector
    connector.close()


def place(http: httpx2.Client, **more: Any) -> Any:
    return ok(http.post("/v1/orders", json=order(**more)))


def receive(http: httpx2.Client, quantity: str = "40", **more: Any) -> Any:
    lines = [{"po_line": "10", "quantity": quantity}]
    body = {"po_number": "4500000001", "received_on": "2026-09-10", "lines": lines, **more}
    return ok(http.post("/v1/receipts", json=body))


def told(procurement: Procurement, cursor: str = "") -> list[Message]:
    return list(procurement.pull(cursor).messages)


def upserting(supplier: Supplier = SUPPLIER, version: int = 1) -> Effect:
    key = f"{supplier.supplier_id}/v{version}"
    return Effect(
        effect_id=effect_id("procurement", UpsertSupplier.operation, key),
        operation=UpsertSupplier.operation,
        key=key,
        entity="",
        subject=supplier.supplier_id,
        correlation=supplier.supplier_id,
        payload=UpsertSupplier(supplier=supplier),
    )


def only(results: Sequence[Any]) -> Any:
    (result,) = results
    return result


def vendors(http: httpx2.Client, **by: str) -> list[Any]:
    found: list[Any] = ok(http.get("/v1/vendors", params=by))
    return found


class TestSetUp:
    def test_the_secret_comes_by_reference_and_is_shown_nowhere(self, card: Card, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(card.secrets["api_key"])
        connector = connect("buying", {"url": card.url, "api_key": "file:key"}, tmp_path, Kept())
        assert connector.manifest.system == "buying"
        assert connector.pull("").messages == ()
        assert card.secrets["api_key"] not in f"{connector!r} {connector.manifest!r}"

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"url": "ftp://procurement"}, "url must be"),
            ({"key": "x"}, "key"),
            ({"api_key": "hunter2"}, "must be a reference"),
            ({"page_size": 201}, "page_size"),
            ({"companies": {"1": "DE01", "2": "DE01"}}, "entity of its own"),
        ],
    )
    def test_a_wrong_setting_is_named(self, tmp_path: Path, wrong: dict[str, Any], told: str) -> None:
        with pytest.raises(ConfigError, match=told):
            connect("procurement", {"url": "https://p", "api_key": "env:NONE", **wrong}, tmp_path, Kept())

    def test_a_wrong_key_calls_an_operator(self, card: Card) -> None:
        config = ProcurementConfig(url=card.url, api_key="")
        with pytest.raises(ConfigError, match="api_key") as error:
            Procurement(config, "wrong-key", Kept(), VirtualClock(NOW)).pull("")
        assert "wrong-key" not in str(error.value)


class TestPull:
    def test_an_order_comes_with_prices_of_one_unit(self, procurement: Procurement, http: httpx2.Client) -> None:
        place(http)
        page = procurement.pull("")
        (message,) = page.messages
        assert (message.source, message.entity) == ("procurement", "DE01")
        assert message.data == OrderPlaced(
            order=PurchaseOrder(
                order_id="4500000001",
                entity="DE01",
                supplier_id=SUPPLIER_ID,
                currency="EUR",
                ordered_on=date(2026, 9, 1),
                lines=(
                    OrderLine(
                        line_id="10", item="PAPER-A4", quantity=Decimal(100), unit="C62", unit_price=Decimal("2.50")
                    ),
                    OrderLine(
                        line_id="20", item="TONER", quantity=Decimal("2.5"), unit="C62", unit_price=Decimal("80.10")
                    ),
                ),
            )
        )
        assert (page.more, page.observed_at) == (False, NOW)

    def test_a_price_without_end_stays_a_price_for_several(self, procurement: Procurement, http: httpx2.Client) -> None:
        place(http, lines=[{**order()["lines"][0], "price": "10", "price_unit": "3"}])
        (fact,) = (message.data for message in told(procurement))
        assert isinstance(fact, OrderPlaced)
        assert (fact.order.lines[0].unit_price, fact.order.lines[0].price_per) == (Decimal(10), Decimal(3))

    def test_an_order_says_what_is_bought_and_what_its_currency_was_planned_at(
        self, procurement: Procurement, http: httpx2.Client
    ) -> None:
        lines = [{**order()["lines"][0], "commodity_scheme": "UNSPSC", "commodity_code": "14-11-15-07"}]
        place(http, currency="USD", exchange_rate="0.9200", lines=lines)
        (fact,) = (message.data for message in told(procurement))
        assert isinstance(fact, OrderPlaced)
        assert [line.category for line in fact.order.lines] == ["UNSPSC:14111507"]
        assert (fact.order.conversion_rate, fact.order.conversion_per, fact.order.converted_to) == (
            Decimal("0.92"),
            Decimal(1),
            "",
        )

    def test_each_revision_is_a_message_of_its_own(self, procurement: Procurement, http: httpx2.Client) -> None:
        place(http)
        place(http, po_number="4500000001", lines=order()["lines"][:1])
        first, second = told(procurement)
        assert first.key != second.key
        assert isinstance(second.data, OrderPlaced)
        assert [line.line_id for line in second.data.order.lines] == ["10"]

    def test_a_delivery_comes_when_it_is_keyed_in(self, procurement: Procurement, http: httpx2.Client) -> None:
        place(http)
        receive(http, held=True)
        receive(http, "-5")
        assert [type(message.data) for message in told(procurement)] == [OrderPlaced, GoodsReceived]
        ok(http.post("/_lab/receipts/release"))
        _, back, late = told(procurement)
        assert isinstance(back.data, GoodsReceived)
        assert back.data.receipt.lines == (ReceiptLine(order_line_id="10", quantity=Decimal(-5)),)
        assert back.key != late.key
        assert late.data == GoodsReceived(
            receipt=GoodsReceipt(
                receipt_id="GR-000001",
                order_id="4500000001",
                entity="DE01",
                supplier_id=SUPPLIER_ID,
                received_on=date(2026, 9, 10),
                lines=(ReceiptLine(order_line_id="10", quantity=Decimal(40)),),
            )
        )

    def test_a_vendor_is_a_proposal(self, procurement: Procurement, http: httpx2.Client) -> None:
        ok(http.post("/v1/vendors", json=VENDOR))
        (message,) = told(procurement)
        assert message.key == "vendor/V100001/1"
        assert message.data == SupplierProposed(supplier=SUPPLIER)

    def test_our_own_echo_is_no_news(self, procurement: Procurement) -> None:
        assert isinstance(only(procurement.apply([upserting()])), Applied)
        assert told(procurement) == []

    def test_companies_are_called_by_our_names(self, card: Card, http: httpx2.Client) -> None:
        place(http, company="1000")
        (message,) = told(open_procurement(card, companies={"1000": "DE01"}))
        assert message.entity == "DE01"

    def test_the_feed_is_observed_only_to_its_end(self, card: Card, http: httpx2.Client) -> None:
        procurement = open_procurement(card, page_size=1)
        place(http)
        receive(http)
        first = procurement.pull("")
        second = procurement.pull(first.cursor)
        assert (first.more, first.observed_at) == (True, None)
        assert (second.more, second.observed_at) == (False, NOW)
        assert procurement.pull("") == first

    @pytest.mark.parametrize(
        "wrong",
        [
            pytest.param({"vendor": {"name": "who?"}}, id="nobody knows which supplier"),
            pytest.param({"ordered_on": "2026-02-31"}, id="no such day"),
            pytest.param({"lines": [{**order()["lines"][0], "price_unit": "0"}]}, id="per nothing"),
            pytest.param({"exchange_rate": "-0.9"}, id="a rate below nothing"),
        ],
    )
    def test_a_row_that_cannot_be_read_is_kept_and_does_not_hide_the_others(
        self, procurement: Procurement, http: httpx2.Client, kept: Kept, wrong: dict[str, Any]
    ) -> None:
        place(http, po_number="PO-1")
        place(http, po_number="PO-2", **wrong)
        place(http, po_number="PO-3")
        with capture_logs() as logs:
            messages = told(procurement)
        numbers = [message.data.order.order_id for message in messages if isinstance(message.data, OrderPlaced)]
        assert numbers == ["PO-1", "PO-3"]
        (log,) = logs
        assert "PO-2" in log["error"]
        assert json.loads(kept.bodies[log["kept_as"]])["number"] == "PO-2"

    @pytest.mark.parametrize("fault", [{"storm": 1}, {"drop_answer_every": 1, "strikes_max": 1}])
    def test_a_question_may_be_asked_again(self, procurement: Procurement, http: httpx2.Client, fault: Any) -> None:
        place(http)
        set_faults(http, changes__list=fault)
        with pytest.raises(TransientError):
            procurement.pull("")
        assert len(told(procurement)) == 1


class TestSuppliers:
    def test_a_vendor_is_held_with_our_details(self, procurement: Procurement, http: httpx2.Client) -> None:
        assert only(procurement.apply([upserting()])) == Applied(reference="V100001")
        (held,) = vendors(http)
        assert (held["external_ref"], held["iban"]) == (SUPPLIER_ID, "NL91ABNA0417164300")

    def test_one_that_buyers_added_is_taken_over(self, procurement: Procurement, http: httpx2.Client) -> None:
        ok(http.post("/v1/vendors", json=VENDOR))
        assert only(procurement.apply([upserting()])) == Applied(reference="V100001")
        assert [held["external_ref"] for held in vendors(http)] == [SUPPLIER_ID]

    def test_an_older_version_is_not_taken_for_the_newer(self, procurement: Procurement) -> None:
        newer = upserting(replace(SUPPLIER, bank_account=None), 2)
        procurement.apply([upserting()])
        assert procurement.probe(newer) == Absent()
        procurement.apply([newer])
        assert isinstance(procurement.probe(newer), Applied)

    def test_it_takes_nothing_else(self, procurement: Procurement) -> None:
        placed = PurchaseOrder(
            order_id="1", entity="DE01", supplier_id="s", currency="EUR", ordered_on=date(2026, 9, 1), lines=()
        )
        other = replace(upserting(), operation="create_order", payload=CreateOrder(order=placed))
        assert isinstance(only(procurement.apply([other])), Refused)

    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param({"drop_answer_every": 1, "strikes_max": 1}, id="cut connection"),
            pytest.param({"error_500_after_work_every": 1, "strikes_max": 1}, id="500 after work"),
        ],
    )
    def test_a_lost_answer_is_unknown_then_found(
        self, procurement: Procurement, http: httpx2.Client, fault: Any
    ) -> None:
        set_faults(http, vendors__put=fault)
        assert isinstance(only(procurement.apply([upserting()])), Unknown)
        assert sum(struck(http)["vendors.put"].values()) == 1
        found = procurement.probe(upserting())
        assert found == Applied(reference="V100001")
        assert only(procurement.apply([upserting()])) == found
        assert len(vendors(http)) == 1

    def test_it_lands_after_we_gave_up_waiting(self, card: Card, http: httpx2.Client) -> None:
        set_faults(http, vendors__put={"delay_ms": 400})
        assert isinstance(only(open_procurement(card, timeout_seconds=0.15).apply([upserting()])), Unknown)
        patient = open_procurement(card)
        eventually(lambda: isinstance(patient.probe(upserting()), Applied))

    def test_a_storm_is_waited_out(self, procurement: Procurement, http: httpx2.Client) -> None:
        set_faults(http, vendors__put={"storm": 1, "retry_after_s": 7})
        result = only(procurement.apply([upserting()]))
        assert isinstance(result, Retry)
        assert result.after_seconds == 7.0
        assert isinstance(only(procurement.apply([upserting()])), Applied)

    def test_nobody_there_means_nothing_was_sent(self, card: Card) -> None:
        away = open_procurement(card, url="http://127.0.0.1:1")
        assert [type(result) for result in away.apply([upserting(), upserting(version=2)])] == [Retry, Retry]


class TestTotals:
    def test_orders_and_receipts_are_counted_by_the_system(self, procurement: Procurement, http: httpx2.Client) -> None:
        place(http)
        receive(http)
        scope = Scope(name="orders", entity="DE01", currency="EUR")
        assert procurement.totals(scope) == Total(count=1, sum_minor=45025, currency="EUR", as_of=NOW)
        scope = Scope(name="receipts", entity="DE01", currency="EUR")
        assert procurement.totals(scope) == Total(count=1, sum_minor=10000, currency="EUR", as_of=NOW)

    def test_an_unknown_name_is_named(self, procurement: Procurement) -> None:
        with pytest.raises(ConfigError, match="cash"):
            procurement.totals(Scope(name="cash", entity="DE01", currency="EUR"))


class Unruly(httpx2.HTTPTransport):
    """A network that goes wrong on every write, in one way."""

    def __init__(self) -> None:
        super().__init__()
        self.how: Misbehaviour | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.how == "unavailable":
            raise httpx2.ConnectError("refused")
        if self.how is None or request.method == "GET":
            return super().handle_request(request)
        if self.how == "answer lost before the work":
            raise httpx2.ReadError("cut")
        answer = super().handle_request(request)
        answer.read()
        if self.how == "answer lost after the work":
            raise httpx2.ReadTimeout("too late")
        return httpx2.Response(200, content=b"<html>")


class TestConformance(ConnectorConformance):
    """Each connector made works with suppliers of its own, so one server will do for all of them."""

    @pytest.fixture(autouse=True)
    def _serve(self, card: Card, http: httpx2.Client) -> None:
        self._card, self._http, self._round = card, http, 0
        self.secrets = (card.secrets["api_key"],)
        self._unruly: list[tuple[Connector, Unruly]] = []

    def make(self) -> Connector:
        self._round += 1
        transport = Unruly()
        connector = open_procurement(self._card, transport=transport)
        self._unruly.append((connector, transport))
        return connector

    def effects(self, operation: str, count: int) -> Sequence[Effect]:
        tax_ids = [f"TAX{self._round}X{number}" for number in range(count)]
        return [upserting(replace(SUPPLIER, supplier_id=supplier_id_of(one), tax_id=one)) for one in tax_ids]

    def refused(self, operation: str) -> Effect:
        return upserting(replace(SUPPLIER, supplier_id="sup-nameless", name=""))

    @contextmanager
    def misbehaving(self, connector: Connector, how: Misbehaviour) -> Iterator[None]:
        transport = next(transport for made, transport in self._unruly if made is connector)
        transport.how = how
        try:
            yield
        finally:
            transport.how = None

    def held(self, connector: Connector, effect: Effect) -> int:
        assert isinstance(effect.payload, UpsertSupplier)
        return len(vendors(self._http, external_ref=effect.payload.supplier.supplier_id))

    def totals_of(self, effects: Sequence[Effect]) -> dict[Scope, Total]:
        return {
            Scope(name=name, entity="DE01", currency="EUR"): Total(count=0, sum_minor=0, currency="EUR")
            for name in ("orders", "receipts")
        }
