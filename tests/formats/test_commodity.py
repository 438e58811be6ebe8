"""What is bought, as documents say it: which of their classifications is the category of a line."""

import os
import re
from pathlib import Path

import pytest
from tests.formats.edifact import interchange as edifact
from tests.formats.x12 import kit as x12

from tieout.formats.commodity import CODES, SCHEMES, category_of
from tieout.formats.detect import read
from tieout.formats.reading import Context
from tieout.model.documents import Invoice, PurchaseOrder

DATA = Path(__file__).parent / "data"
_EN_16931 = "ConnectingEurope__eInvoicing-EN16931"
SAMPLES = Path(__file__).parents[2] / os.environ.get("TIEOUT_SAMPLES", "../shared/samples")
US = Context(
    entities_by_tax_id={"4098765000003": "acme", "NORTHWIND": "acme"},
    suppliers_by_id={"4056789000007": "FR40303265045", "ACMEPARTS": "12-3456789"},
    currencies={"acme": "EUR"},
)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param([("TST", "43211503", "")], "UNSPSC:43211503", id="by its code of UNTDID 7143"),
        pytest.param([("STI", "30213100-6", "")], "CPV:30213100", id="CPV without its check digit"),
        pytest.param([("STQ", "24-01-02-03", "")], "ECLASS:24010203", id="eCl@ss without dashes"),
        pytest.param([("eCl@ss", "24010203", "")], "ECLASS:24010203", id="by its name"),
        pytest.param([("MP", "20101601", "19.0501")], "UNSPSC:20101601", id="UNSPSC as Peppol orders have it"),
        pytest.param([("MP", "20101601", "")], "", id="a product number"),
        pytest.param([("SRV", "04012345678901", "")], "", id="a GTIN is no category"),
        pytest.param([("ZZZ", "12344321", "")], "", id="what is mutually agreed says nothing to others"),
        pytest.param([("", "43211503", "")], "", id="no scheme"),
        pytest.param([("STI", "30213100", ""), ("TST", "43211503", "")], "UNSPSC:43211503", id="UNSPSC first"),
        pytest.param([("Own", "1", ""), ("GB", "7", "")], "BUYER:7", id="a known scheme before others"),
        pytest.param([("Own", "1", ""), ("Other", "2", "")], "OWN:1", id="else the first"),
        pytest.param([("Own", "x" * 5_000, "")], f"OWN:{'x' * 1_000}", id="no longer than any text"),
    ],
)
def test_the_category_of_a_line(said: list[tuple[str, str, str]], found: str) -> None:
    assert category_of(said) == found


def test_every_scheme_is_read_by_the_code_and_the_name_we_write() -> None:
    for code, name in SCHEMES.codes.items():
        assert category_of([(code, "7", "")]) == f"{name}:7"
        assert CODES[name] == code
        assert category_of([(name, "7", "")]) in (f"{name}:7", ""), "a short name may be the kind of an item number"


def categories(body: bytes) -> list[str]:
    reading = read(body, context=US)
    assert reading.proof.holds, reading.diagnostics
    record = next(one for one in reading.records if isinstance(one, Invoice | PurchaseOrder))
    return [line.category for line in record.lines]


def test_ubl() -> None:
    assert categories((DATA / "einvoice" / "everything.xml").read_bytes()) == ["UNSPSC:31161500", ""]
    order = (DATA / "procurement" / "order.xml").read_text()
    code = '<cbc:ItemClassificationCode listID="STI">44500000-5</cbc:ItemClassificationCode>'
    at = order.index("<cac:ClassifiedTaxCategory>")
    said = f"<cac:CommodityClassification>{code}</cac:CommodityClassification>"
    assert categories(f"{order[:at]}{said}{order[at:]}".encode())[0] == "CPV:44500000"


def test_cii() -> None:
    body = (DATA / "einvoice" / "cii.xml").read_text()
    at = body.index("</ram:SpecifiedTradeProduct>")
    said = "<ram:DesignatedProductClassification>{}</ram:DesignatedProductClassification>".format(
        '<ram:ClassCode listID="TST" listVersionID="24">31161500</ram:ClassCode>'
    )
    assert categories(f"{body[:at]}{said}{body[at:]}".encode())[0] == "UNSPSC:31161500"


@pytest.mark.parametrize("name", ["invoic-eancom", "orders"])
@pytest.mark.parametrize(
    ("pia", "found"),
    [
        ("PIA+5+31161500:TST", "UNSPSC:31161500"),
        ("PIA+1+4711:SA+44500000-5:STI", "CPV:44500000"),
        ("PIA+1+4711:SA", ""),
        ("PIA+1+4711:ZZZ", ""),
    ],
)
def test_edifact(name: str, pia: str, found: str) -> None:
    """The segment comes behind the first line, and the count of the message is put right."""
    text = edifact.data(name).decode("latin-1")
    at = text.index("'", text.index("LIN+1")) + 1
    start = text.index("UNT+")
    count = int(text[start + 4 : text.index("+", start + 4)])
    body = f"{text[:at]}{pia}'{text[at:]}".replace(f"UNT+{count}+", f"UNT+{count + 1}+")
    assert categories(body.encode("latin-1"))[0] == found


def test_the_class_of_a_thing_is_not_its_number() -> None:
    """A line whose only number in ``PIA`` is a class has no item number."""
    head = ("BGM+380+R-1+9", "DTM+137:20260504:102", "NAD+SU+1::9", "NAD+BY+4098765000003::9", "CUX+2:EUR:4")
    line = ("LIN+1", "PIA+5+31161500:TST", "QTY+47:1", "MOA+203:100", "PRI+AAA:100", "UNS+S", "MOA+77:100", "MOA+124:0")
    (record, _) = read(edifact.interchange(edifact.message("INVOIC:D:96A:UN", *head, *line)), context=US).records
    assert isinstance(record, Invoice)
    assert [(one.item, one.category) for one in record.lines] == [("", "UNSPSC:31161500")]


@pytest.mark.parametrize(
    ("pid", "found"),
    [
        ("PID*S*MAC*UN*43211503***SPSC", "UNSPSC:43211503"),
        ("PID*X*MAC*UN*43211503*14.0801**SPSC", "UNSPSC:43211503"),
        ("PID*S*MAC*UN*43211503", "UNSPSC:43211503"),
        ("PID*S*MAC*AS*43211503", ""),
        ("PID*S*08*UN*43211503", ""),
        ("PID*F****43211503", ""),
    ],
)
@pytest.mark.parametrize("kind", ["810", "850"])
def test_x12(kind: str, pid: str, found: str) -> None:
    if kind == "810":
        head = "BIG*20260527*INV-9001*20260501*PO-77\nCUR*SE*USD\nN1*SE*Acme*24*12-3456789\nIT1*1*2*EA*100**BP*A"
        assert categories(x12.file_with(kind, f"{head}\n{pid}\nTDS*20000")) == [found]
        return
    head = "BEG*00*SA*PO-77**20260501\nCUR*BY*USD\nPO1*10*600*EA*0.31**BP*SCR-M6"
    body = x12.file_with(kind, f"{head}\n{pid}\nCTT*1", sender="NORTHWIND", receiver="ACMEPARTS")
    assert categories(body) == [found]


@pytest.mark.parametrize("name", ["order", "invoice"])
@pytest.mark.parametrize(
    ("said", "found"),
    [
        ('<Classification domain="UNSPSC">43211503</Classification>', "UNSPSC:43211503"),
        ('<Classification domain="UNSPSC" code="43211503">Notebook computers</Classification>', "UNSPSC:43211503"),
        ('<Classification domain="custom">7</Classification>', "CUSTOM:7"),
        ("", ""),
    ],
)
def test_cxml(name: str, said: str, found: str) -> None:
    body = (DATA / "procurement" / f"cxml-{name}.xml").read_text()
    bare = re.sub(r"<Classification\b.*?</Classification>", "", body, flags=re.DOTALL)
    end = "</ItemDetail>" if name == "order" else "</InvoiceDetailItemReference>"
    at = bare.index(end)
    assert categories(f"{bare[:at]}{said}{bare[at:]}".encode())[0] == found


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        ([("CPV", "30213100-6")], "CPV:30213100"),
        ([("EAN", "04012345678901"), ("TARIC", "8471 30 00")], "TARIC:84713000"),
        ([("PROPRIETARIO", "A-7")], ""),
        ([], ""),
    ],
)
def test_fatturapa(codes: list[tuple[str, str]], found: str) -> None:
    body = (DATA / "national" / "fatturapa.xml").read_text()
    at = body.index("</NumeroLinea>") + len("</NumeroLinea>")
    said = "".join(
        f"<CodiceArticolo><CodiceTipo>{kind}</CodiceTipo><CodiceValore>{code}</CodiceValore></CodiceArticolo>"
        for kind, code in codes
    )
    assert categories(f"{body[:at]}{said}{body[at:]}".encode())[0] == found


@pytest.mark.parametrize(("cell", "found"), [("UNSPSC:43211503", "UNSPSC:43211503"), ("eCl@ss: 24-01", "ECLASS:2401"), ("", "")])  # fmt: skip
def test_tables(cell: str, found: str) -> None:
    for file in (DATA / "orders.csv", DATA / "national" / "invoices.csv"):
        head, *rows = file.read_text().splitlines()
        assert categories("\n".join([f"category,{head}", *(f"{cell},{row}" for row in rows)]).encode())[0] == found


@pytest.mark.parametrize("cell", ["43211503", "UNSPSC:", ":43", "UNSPSC"])
def test_a_code_without_its_scheme_refuses_the_row_of_a_table(cell: str) -> None:
    head, first, *_ = (DATA / "orders.csv").read_text().splitlines()
    reading = read(f"category,{head}\n{cell},{first}".encode(), context=US)
    assert (reading.records, reading.proof.holds) == ((), False)


@pytest.mark.parametrize(
    ("file", "found"),
    [
        (f"einvoice/en16931-ubl/{_EN_16931}/ubl-tc434-example2.xml", {"CPV:65434565", "CPV:65434567", "CPV:65434568"}),
        (f"einvoice/en16931-cii/{_EN_16931}/CII_business_example_01.xml", {"CPV:65434565", "CPV:65434568"}),
        (f"edifact/{_EN_16931}/EDIFACT_EXAMPLE2.TXT", {"CPV:65434568"}),
        ("procurement/peppol/phax__phive-rules/Order_Example.xml", {"UNSPSC:12345678"}),
    ],
)
def test_real_documents(file: str, found: set[str]) -> None:
    path = SAMPLES / file
    if not path.exists():
        pytest.skip("the samples are not here (TIEOUT_SAMPLES)")
    records = (one for one in read(path.read_bytes(), context=US).records if isinstance(one, Invoice | PurchaseOrder))
    assert found <= {line.category for one in records for line in one.lines}
