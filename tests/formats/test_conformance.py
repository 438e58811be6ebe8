"""A thousand broken documents: each gets problems with a code and a place, none crashes a reader or passes for whole."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tieout.conformance.formats import NOT_DAYS, NOT_NUMBERS, Broken, ReaderConformance, no_xml_at_all
from tieout.formats.detect import read
from tieout.formats.einvoice.ubl import read_ubl
from tieout.formats.iso20022.camt import read_camt
from tieout.formats.iso20022.pain002 import read_pain_002
from tieout.formats.reading import Context, Limits
from tieout.formats.tables import read_orders, read_receipts

DATA = Path(__file__).parent / "data"


def data(name: str) -> bytes:
    return (DATA / name).read_bytes()


class TestUblInvoice(ReaderConformance):
    numbers = ("InvoicedQuantity", "LineExtensionAmount", "PriceAmount", "TaxInclusiveAmount", "TaxAmount")
    days = ("IssueDate",)
    texts = ("ID", "DocumentCurrencyCode", "CompanyID", "RegistrationName")

    def documents(self) -> Mapping[str, bytes]:
        return {"invoice": data("invoice.xml")}

    reader = staticmethod(read_ubl)


class TestUblCreditNote(TestUblInvoice):
    numbers = ("CreditedQuantity", "LineExtensionAmount", "PriceAmount", "PayableAmount")
    texts = ("ID", "DocumentCurrencyCode", "CompanyID", "Name")

    def documents(self) -> Mapping[str, bytes]:
        return {"credit note": data("credit-note.xml")}


class TestStatusReport(ReaderConformance):
    numbers = ("DtldNbOfTxs",)
    texts = ("OrgnlMsgId", "OrgnlEndToEndId", "TxSts")

    def documents(self) -> Mapping[str, bytes]:
        return {"status report": data("status.xml")}

    reader = staticmethod(read_pain_002)


class TestStatement(ReaderConformance):
    numbers = ("Amt", "NbOfNtries")
    days = ("Dt",)
    texts = ("IBAN",)

    def documents(self) -> Mapping[str, bytes]:
        return {"statement": data("statement.xml")}

    reader = staticmethod(read_camt)

    def broken(self) -> Iterator[Broken]:
        # The first NbOfNtries is a mere claim; leaving it out is fine, so the kit may not demand a problem there.
        return (found for found in super().broken() if found.how not in ABSENT_CLAIMS)


ABSENT_CLAIMS = {
    "statement: NbOfNtries is ''",
    "statement: NbOfNtries is missing",
    "statement: NbOfNtries holds an element",
}


class TestNotification(TestStatement):
    numbers = ("Amt",)
    texts = ("IBAN", "CdtDbtInd")

    def documents(self) -> Mapping[str, bytes]:
        return {"notification": data("notification.xml")}


class TestOrders(ReaderConformance):
    is_xml = False
    rows = (
        *(("quantity", "1000", value) for value in NOT_NUMBERS),
        *(("unit_price", "0.31", value) for value in NOT_NUMBERS),
        *(("ordered_on", "2026-04-22", value) for value in NOT_DAYS),
        *(("currency", "DE129273398,EUR", value) for value in ("DE129273398,", "DE129273398,eur", "DE129273398,EURO")),
        ("entity", "PO-78,de", "PO-78,"),
        ("document", "PO-78", ""),
        ("head", "PO-77,de,DE129273398,EUR,2026-04-20,20", "PO-77,fr,DE129273398,EUR,2026-04-20,20"),
        ("line twice", "2026-04-20,20", "2026-04-20,10"),
        ("flag", ",no", ",maybe"),
        ("column missing", "unit_price", "price"),
        ("column twice", "description", "item"),
        ("no supplier column", "supplier_tax_id", "vendor"),
        ("cell too many", ",19,true", ",19,true,x"),
        ("cell too few", ",19,true", ""),
        ("quote not closed", "Tables of threads", '"Tables of threads'),
        ("quote in the middle", '"Screws, M6"', '"Screws" M6'),
        ("NUL", "SCR-M8", "SCR\0M8"),
        ("very long", "SCR-M8", "x" * 200_000),
        ("long", "SCR-M8", "x" * 2_000),
    )

    def documents(self) -> Mapping[str, bytes]:
        return {"table": data("orders.csv")}

    reader = staticmethod(read_orders)

    def broken(self) -> Iterator[Broken]:
        for body in self.documents().values():
            for how, valid, wrong in self.rows:
                assert valid.encode() in body, how
                yield Broken(f"{how}: {wrong[:20]!r}", body.replace(valid.encode(), wrong.encode(), 1))
            head = body.index(b"\n")
            yield from (Broken(f"header cut at {at}", body[:at]) for at in range(0, head - 1, 3))
            yield Broken("Latin-1", body.replace(b"PO-77", "PÖ-77".encode("latin-1")))
            yield Broken("UTF-16 without a mark", body.decode().encode("utf-16-le"))
            yield Broken("UTF-16 cut in a sign", body.decode().encode("utf-16")[:-1])


class TestReceipts(TestOrders):
    rows = (
        *(("quantity", "600", value) for value in NOT_NUMBERS),
        *(("received_on", "2026-05-03", value) for value in NOT_DAYS),
        ("order", "GR-2;PO-77", "GR-2;"),
        ("document", "GR-2", ""),
        ("head", "GR-1;PO-77;de;DE129273398;2026-05-02;20", "GR-1;PO-76;de;DE129273398;2026-05-02;20"),
    )

    def documents(self) -> Mapping[str, bytes]:
        return {"table": data("receipts.csv")}

    reader = staticmethod(read_receipts)


KITS = [TestUblInvoice, TestUblCreditNote, TestStatusReport, TestStatement, TestNotification, TestOrders, TestReceipts]


def test_a_thousand_broken_documents_through_the_front_door_in_seconds() -> None:
    documents = [found for kit in KITS for found in kit().broken()]
    assert len(documents) >= 1_000
    started = time.perf_counter()
    for found in documents:
        reading = read(found.body)
        assert not reading.proof.holds, found.how
        assert reading.diagnostics, found.how
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("hint", ["ubl-invoice", "camt.053", "pain.002", "csv-orders", "nonsense"])
def test_a_hint_does_not_make_rubbish_readable(hint: str) -> None:
    for found in no_xml_at_all():
        reading = read(found.body, hint)
        assert not reading.proof.holds, found.how
        assert reading.diagnostics, found.how


def test_the_front_door_keeps_the_budget() -> None:
    reading = read(b" " * 100, context=Context(limits=Limits(bytes_max=99)))
    assert [(problem.code.value, problem.limit) for problem in reading.diagnostics] == [("too_large", "99 bytes")]
