"""Real documents of procurement and ledgers of other people: read, or refused with what they are. They are not in this
repository. ``EXPECTED.csv`` has no second opinion on them, so their own totals and what people see in them have to do.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tieout.formats.detect import read
from tieout.formats.reading import Reading
from tieout.kernel.problem import Code
from tieout.model.documents import DespatchAdvice, OrderChange, OrderResponse, PurchaseOrder

SAMPLES = Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples")
pytestmark = pytest.mark.skipif(not SAMPLES.exists(), reason="no sample documents here (TIEOUT_SAMPLES)")

#: What each gives: its format, its records by kind, and for those that are refused a word of the reason.
VERDICTS: dict[str, tuple[str, dict[str, int], str]] = {
    "DespatchAdvice_Example.xml": ("ubl-despatch-advice", {"DespatchAdvice": 1}, ""),
    "OrderAgreement_Example.xml": ("ubl-order-response", {"OrderResponse": 1}, ""),
    "OrderCancellation_Example.xml": ("ubl-order-cancellation", {"OrderChange": 1}, ""),
    "OrderChange_Example.xml": ("ubl-order-change", {"OrderChange": 1}, ""),
    "OrderResponse_Example.xml": ("ubl-order-response", {"OrderResponse": 1}, ""),
    "OrderResponseAdvanced_Example.xml": ("ubl-order-response", {"OrderResponse": 1}, ""),
    "Order_Example.xml": ("ubl-order", {"PurchaseOrder": 1}, ""),
    "UBL-Order-2.0-Example.xml": ("ubl-order", {"PurchaseOrder": 1}, ""),
    "UBL-Order-2.1-Example.xml": ("ubl-order", {"PurchaseOrder": 1}, ""),
    "Catalogue_Example.xml": ("ubl-other", {}, "a catalogue"),
    "PunchOut_Example.xml": ("ubl-other", {}, "a catalogue"),
    "UBL-RequestForQuotation-2.0-Example.xml": ("ubl-other", {}, "a request for quotation"),
    "UBL-RequestForQuotation-2.1-Example.xml": ("ubl-other", {}, "a request for quotation"),
    "OrderRequest.xml": ("cxml", {}, "the document says that it is a test"),
    "ShipNoticeRequest.xml": ("cxml", {"DespatchAdvice": 1}, ""),
    "StatusUpdateRequest.xml": ("cxml", {"BusinessResponse": 1}, ""),
    "CatalogUploadRequest.xml": ("cxml", {}, "a catalogue"),
    "Index.xml": ("cxml", {}, "a catalogue"),
    "ProductActivityMessage.xml": ("cxml", {}, "a report of stock"),
    "PunchOutSetupRequest.xml": ("cxml", {}, "a visit to a supplier's shop"),
    "PunchoutOrderMessage.xml": ("cxml", {}, "not yet an order"),
    "PunchoutOrderMessageAdvancedPricing.xml": ("cxml", {}, "not yet an order"),
    "QuoteMessage.xml": ("cxml", {}, "a quotation"),
    "simple-profile-request.xml": ("cxml", {}, "what the other side can do"),
    # Made by a schema editor: every code is "a", and the currency "aaa".
    "Eksempelfil fra xmlSpy.xml": ("saf-t", {}, "ISO 4217"),
}
#: Answers to invoices and catalogues, which have readers of their own or none.
OTHERS = {"InvoiceResponse_Example.xml", "MessageLevelResponse_Example.xml", "CatalogueResponse_Example.xml"}


def files() -> dict[str, Path]:
    return {path.name: path for folder in ("procurement", "saft") for path in (SAMPLES / folder).rglob("*.xml")}


def reading_of(name: str) -> Reading[Any]:
    return read(files()[name].read_bytes())


def test_every_sample_is_read_or_refused_with_what_it_is() -> None:
    assert set(files()) == VERDICTS.keys() | OTHERS
    for name, (kind, records, reason) in VERDICTS.items():
        reading = reading_of(name)
        assert (reading.format, Counter(type(each).__name__ for each in reading.records)) == (kind, records), name
        assert reading.proof.holds is bool(records), (name, reading.diagnostics)
        said = [f"{problem.expected} {problem.detail}" for problem in reading.diagnostics]
        assert not reason or any(reason in text for text in said), (name, said)


def test_the_totals_of_all_orders_are_proved() -> None:
    claims = {name: len(reading_of(name).proof.claims) for name, verdict in VERDICTS.items() if "rder" in verdict[0]}
    assert claims["Order_Example.xml"] == 6
    assert claims["UBL-Order-2.1-Example.xml"] == 3
    assert claims["UBL-Order-2.0-Example.xml"] == 1
    in_earnest = files()["OrderRequest.xml"].read_bytes().replace(b'deploymentMode="test"', b"")
    assert len(read(in_earnest).proof.claims) == 1


def test_what_they_say() -> None:
    (order,) = reading_of("Order_Example.xml").records
    assert isinstance(order, PurchaseOrder)
    assert [(line.line_id, f"{line.quantity} {line.unit}", str(line.unit_price)) for line in order.lines] == [
        ("1", "120 EA", "50"),
        ("2", "15 EA", "15"),
    ]
    (answer,) = reading_of("OrderResponse_Example.xml").records
    assert isinstance(answer, OrderResponse)
    assert [line.status for line in answer.lines] == ["changed", "accepted", "changed"]
    (change,) = reading_of("OrderCancellation_Example.xml").records
    assert isinstance(change, OrderChange)
    assert change.cancelled
    (despatch,) = reading_of("DespatchAdvice_Example.xml").records
    assert isinstance(despatch, DespatchAdvice)
    assert (despatch.order_id, despatch.carrier_reference) == ("AEG012345", "456789")


def test_the_line_of_a_kilogram_at_a_hundred_pounds_is_told() -> None:
    # 100 kg at 100.00 each, and an amount of 100.00: an example that its authors did not add up.
    problems = reading_of("UBL-Order-2.0-Example.xml").diagnostics
    assert [(problem.expected, problem.actual) for problem in problems if problem.code is Code.TOTALS_DISAGREE] == [
        ("10,000.00 GBP", "100.00 GBP")
    ]


def test_no_password_of_a_sample_is_repeated() -> None:
    for name, verdict in VERDICTS.items():
        if verdict[0] == "cxml":
            text = repr(reading_of(name))
            assert not any(secret in text for secret in ("abracadabra", "coyote", "s3cr3t")), name
