"""FatturaPA and the notifications of SdI: whole values, the slack of the controls, and what must wait for a person."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.conformance.formats import ReaderConformance
from tieout.formats.detect import detect, read
from tieout.formats.einvoice.fatturapa import read_fatturapa
from tieout.formats.einvoice.fatturapa_simplified import read_simplified
from tieout.formats.einvoice.sdi import read_sdi
from tieout.formats.reading import Claim, Context, Reading
from tieout.kernel.ids import fingerprint
from tieout.kernel.money import Money, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Acknowledgment, BusinessResponse, Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import supplier_id_of

DATA = Path(__file__).parent / "data" / "national"
FATTURA = (DATA / "fatturapa.xml").read_bytes()
SIMPLIFIED = (DATA / "fatturapa-semplificata.xml").read_bytes()
REJECTED = (DATA / "scarto.xml").read_bytes()
ANSWER = (DATA / "esito.xml").read_bytes()
US = Context(entities_by_tax_id={"IT 12345670785": "it"})


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def changed(*changes: tuple[str, str], body: bytes = FATTURA) -> bytes:
    text = body.decode()
    for what, other in changes:
        assert what in text, what
        text = text.replace(what, other, 1)
    return text.encode()


def other_line(line_id: str, minor: int, description: str, rate: int = 0) -> InvoiceLine:
    amount = eur(minor)
    price = Decimal(minor) / 100
    return InvoiceLine(
        line_id=line_id,
        quantity=Decimal(1),
        unit="",
        unit_price=price.normalize() if minor % 100 else Decimal(minor // 100),
        net=amount,
        description=description,
        tax_rate=Decimal(rate),
    )


EXPECTED = Invoice(
    kind=InvoiceKind.INVOICE,
    number="2026/117",
    entity="it",
    supplier_id=supplier_id_of("IT00743110157"),
    supplier_tax_id="IT00743110157",
    supplier_name="Viti & Bulloni S.r.l.",
    currency="EUR",
    issued_on=date(2026, 5, 4),
    due_on=date(2026, 6, 3),
    lines=(
        InvoiceLine(
            line_id="1",
            quantity=Decimal("1000.00"),
            unit="PZ",
            unit_price=Decimal("0.225"),
            net=eur(225_00),
            description="Viti M6",
            tax_rate=Decimal(22),
            order_id="PO-77",
            order_line_id="10",
        ),
        InvoiceLine(
            line_id="2",
            quantity=Decimal(1),
            unit="",
            unit_price=Decimal("70.255"),
            net=eur(70_26),
            description="Manuale",
            tax_rate=Decimal(0),
            order_id="PO-78",
        ),
        other_line("fund/1", 4_00, "contribution to a professional fund TC04", 22),
        other_line("rounding/lines", -1, "rounding of the lines"),
        other_line("allowance/1", -10_00, "allowance on the document"),
        other_line("rounding", -1, "rounding of the document"),
        other_line("stamp", 2_00, "stamp duty"),
    ),
    net=eur(291_24),
    tax=eur(50_38),
    gross=eur(341_62),
    document=fingerprint(FATTURA),
)


def test_an_invoice_with_everything_that_changes_its_total() -> None:
    reading = read(FATTURA, context=US)
    assert reading.format == "fatturapa"
    assert reading.records == (EXPECTED,)
    assert reading.proof.holds
    assert [(claim.name, claim.declared, claim.computed) for claim in reading.proof.claims] == [
        ("SdI 00421: VAT = rate × taxable amount", "50.38 EUR", "50.38 EUR"),
        ("SdI 00421: VAT = rate × taxable amount", "0.00 EUR", "0.00 EUR"),
        ("SdI 00419, 00422: taxable at 0 % N2.2", "70.25 EUR", "70.26 EUR"),
        ("SdI 00419, 00422: taxable at 22 %", "229.00 EUR", "229.00 EUR"),
        ("total of the document (2.1.1.9)", "341.62 EUR", "341.62 EUR"),
    ]
    assert [(problem.code, problem.actual) for problem in reading.diagnostics] == [(Code.ASSUMED_VALUE, "-0.01 EUR")]


@pytest.mark.parametrize(
    "rename",
    [
        lambda text: text.replace("p:Fattura", "Fattura").replace("xmlns:p", "xmlns"),
        lambda text: text.replace("p:Fattura", "ns2:Fattura").replace("xmlns:p=", "xmlns:ns2="),
        lambda text: text.replace("p:Fattura", "Fattura").replace(
            text[text.index(" xmlns:p") : text.index(" versione")], ""
        ),
    ],
    ids=["default namespace", "another prefix", "no namespace"],
)
def test_namespaces_differ_and_words_do_not(rename: Callable[[str], str]) -> None:
    body = rename(FATTURA.decode()).encode()
    assert detect(body) == "fatturapa"
    (invoice,) = read(body, context=US).records
    assert invoice.gross == EXPECTED.gross


def test_several_invoices_in_one_file() -> None:
    text = FATTURA.decode()
    start, end = text.index("  <FatturaElettronicaBody>"), text.index("</p:FatturaElettronica>")
    second = text[start:end].replace("2026/117", "2026/118")
    reading = read((text[:end] + second + text[end:]).encode(), context=US)
    assert [invoice.number for invoice in reading.records] == ["2026/117", "2026/118"]
    assert reading.proof.holds
    assert [invoice.supplier_name for invoice in reading.records] == ["Viti & Bulloni S.r.l."] * 2


def test_a_credit_note_names_what_it_credits() -> None:
    preceding = "<DatiFattureCollegate><IdDocumento>2026/90</IdDocumento></DatiFattureCollegate></DatiGenerali>"
    reading = read(changed(("TD01", "TD04"), ("</DatiGenerali>", preceding)), context=US)
    (note,) = reading.records
    assert (note.kind, note.credits_number, note.gross) == (InvoiceKind.CREDIT_NOTE, "2026/90", eur(341_62))
    assert reading.proof.holds


@pytest.mark.parametrize("code", ["TD16", "TD17", "TD18", "TD19", "TD20", "TD21", "TD27", "TD28"])
def test_documents_that_a_buyer_issues_to_himself_ask_nobody_for_money(code: str) -> None:
    reading = read(changed(("TD01", code)), context=US)
    assert reading.records == ()
    (problem,) = [problem for problem in reading.diagnostics if problem.code is Code.UNSUPPORTED_CONTENT]
    assert problem.actual == code
    assert problem.detail.endswith("the buyer issues it for VAT only, and nobody is paid for it")
    assert not reading.proof.holds


@pytest.mark.parametrize(("code", "known"), [("TD05", True), ("TD24", True), ("TD99", False)])
def test_other_kinds_of_invoices(code: str, known: bool) -> None:
    reading = read(changed(("TD01", code)), context=US)
    assert reading.records[0].kind is InvoiceKind.INVOICE
    assert (Code.UNKNOWN_CODE in {problem.code for problem in reading.diagnostics}) is not known


WITHHELD = (
    "<DatiRitenuta><TipoRitenuta>RT01</TipoRitenuta><ImportoRitenuta>45.00</ImportoRitenuta></DatiRitenuta><DatiBollo>"
)


def kept_back(reading: Reading[Invoice]) -> tuple[str, str, str]:
    """Gross, what is kept back, and what is payable."""
    assert reading.proof.holds
    (invoice,) = reading.records
    assert invoice.withheld
    return str(invoice.gross), str(invoice.withheld), str(invoice.payable)


def test_withheld_tax_makes_less_payable() -> None:
    reading = read(changed(("<DatiBollo>", WITHHELD)), context=US)
    assert kept_back(reading) == ("341.62 EUR", "45.00 EUR", "296.62 EUR")
    assert "tax is withheld: 296.62 EUR is due, not 341.62 EUR" in {problem.detail for problem in reading.diagnostics}


def test_a_total_that_is_stated_after_the_tax_that_is_withheld() -> None:
    body = changed(("<DatiBollo>", WITHHELD), (">341.62</ImportoTotale", ">296.62</ImportoTotale"))
    assert kept_back(read(body, context=US)) == ("341.62 EUR", "45.00 EUR", "296.62 EUR")


def test_split_payment() -> None:
    """The buyer pays the VAT to the state, and the supplier only the rest (art. 17-ter DPR 633/72)."""
    reading = read(changed((">I</EsigibilitaIVA>", ">S</EsigibilitaIVA>"), ("<DatiBollo>", WITHHELD)), context=US)
    assert kept_back(reading) == ("341.62 EUR", "95.38 EUR", "246.24 EUR")
    why = "split payment, the buyer pays the VAT to the state: 246.24 EUR is due, not 341.62 EUR"
    assert why in {problem.detail for problem in reading.diagnostics}


def test_stamp_duty_that_is_not_charged_on() -> None:
    reading = read(changed((">341.62</ImportoTotale", ">339.62</ImportoTotale")), context=US)
    assert reading.proof.holds
    assert reading.records[0].gross == eur(339_62)
    assert "stamp duty that the seller does not charge on" in {problem.detail for problem in reading.diagnostics}


@pytest.mark.parametrize(
    ("declared", "holds"), [("50.37", True), ("50.39", True), ("50.36", False), ("50.40", False)], ids=str
)
def test_the_slack_of_control_00421_is_one_cent(declared: str, holds: bool) -> None:
    reading = read(
        changed(
            (">50.38</Imposta>", f">{declared}</Imposta>"),
            ("<ImportoTotaleDocumento>341.62</ImportoTotaleDocumento>", ""),
        )
    )
    assert reading.proof.holds is holds
    assert [claim.name[:9] for claim in reading.proof.claims if not claim.holds] == ([] if holds else ["SdI 00421"])


@pytest.mark.parametrize(
    ("declared", "holds"), [("71.26", True), ("69.26", True), ("71.27", False), ("69.25", False)], ids=str
)
def test_the_slack_of_control_00422_is_one_euro(declared: str, holds: bool) -> None:
    body = changed(
        (">70.25</Imponibile", f">{declared}</Imponibile"),
        ("<ImportoTotaleDocumento>341.62</ImportoTotaleDocumento>", ""),
    )
    reading = read(body)
    assert reading.proof.holds is holds
    (invoice,) = reading.records
    assert total((line.net for line in invoice.lines), "EUR") == invoice.net
    assert [claim.name for claim in reading.proof.claims if not claim.holds] == (
        [] if holds else ["SdI 00419, 00422: taxable at 0 % N2.2"]
    )


@pytest.mark.parametrize(("declared", "holds"), [("225.01", True), ("224.99", True), ("225.02", False)], ids=str)
def test_the_slack_of_control_00423_is_one_cent(declared: str, holds: bool) -> None:
    reading = read(changed((">225.00</PrezzoTotale>", f">{declared}</PrezzoTotale>")))
    assert [claim for claim in reading.proof.claims if not claim.holds] == (
        []
        if holds
        else [
            Claim(
                "SdI 00423: total of a line = price after discounts × quantity",
                "FatturaElettronica/FatturaElettronicaBody/DatiBeniServizi/DettaglioLinee[1]/PrezzoTotale, line 58",
                "225.02",
                "225",
                False,
            )
        ]
    )


def test_a_class_of_vat_that_no_summary_has() -> None:
    reading = read(changed(("<Natura>N2.2</Natura>\n        <Imponibile", "<Natura>N4</Natura>\n        <Imponibile")))
    assert [claim.name for claim in reading.proof.claims if not claim.holds] == [
        "SdI 00419, 00422: taxable at 0 % N2.2",
        "SdI 00419, 00422: taxable at 0 % N4",
    ]


def test_a_total_that_is_not_the_sum() -> None:
    reading = read(changed((">341.62</ImportoTotale", ">341.61</ImportoTotale")))
    assert [(claim.name, claim.computed) for claim in reading.proof.claims if not claim.holds] == [
        ("total of the document (2.1.1.9)", "339.62 EUR")
    ]


@pytest.mark.parametrize(
    ("payment", "due"),
    [
        ("<DataScadenzaPagamento>2026-07-01</DataScadenzaPagamento>", date(2026, 7, 1)),
        (
            "<DataRiferimentoTerminiPagamento>2026-05-04</DataRiferimentoTerminiPagamento><GiorniTerminiPagamento>60</GiorniTerminiPagamento>",
            date(2026, 7, 3),
        ),
        ("", date(2026, 5, 4)),
    ],
    ids=["day", "term", "none"],
)
def test_the_due_day(payment: str, due: date) -> None:
    (invoice,) = read(changed(("<DataScadenzaPagamento>2026-06-03</DataScadenzaPagamento>", payment))).records
    assert invoice.due_on == due


def test_lines_that_are_numbered_alike_are_told_apart() -> None:
    reading = read(changed(("<NumeroLinea>2<", "<NumeroLinea>1<")))
    assert [line.line_id for line in reading.records[0].lines][:2] == ["1", "1/2"]
    assert reading.proof.holds


@pytest.mark.parametrize(
    ("change", "code", "detail"),
    [
        ((">0.00</AliquotaIVA>\n        <Natura>N2.2</Natura>", ">0.00</AliquotaIVA>"), Code.BAD_VALUE, "00400"),
        (("N2.2", "N9"), Code.UNKNOWN_CODE, ""),
        (
            ("</DatiBeniServizi>", "</DatiBeniServizi><Allegati><NomeAttachment>a.pdf</NomeAttachment></Allegati>"),
            Code.UNSUPPORTED_CONTENT,
            "attachments",
        ),
        (("</p:FatturaElettronica>", "<Signature/></p:FatturaElettronica>"), Code.UNSUPPORTED_CONTENT, "XAdES"),
        ((">341.62</ImportoPagamento", ">300.00</ImportoPagamento"), Code.TOTALS_DISAGREE, "asked for"),
    ],
)
def test_what_is_worth_knowing_is_told(change: tuple[str, str], code: Code, detail: str) -> None:
    reading = read(changed(change))
    assert reading.records
    assert any(problem.code is code and detail in problem.detail for problem in reading.diagnostics)


@pytest.mark.parametrize(
    "change",
    [
        ("<IdFiscaleIVA><IdPaese>IT</IdPaese><IdCodice>00743110157</IdCodice></IdFiscaleIVA>", ""),
        ("<Denominazione>Viti &amp; Bulloni S.r.l.</Denominazione>", ""),
        ("<NumeroLinea>1<", "<NumeroLinea><"),
        ("<Tipo>SC</Tipo><Importo>10.00</Importo>", "<Tipo>SC</Tipo>"),
        ("<Tipo>SC</Tipo><Importo>10.00</Importo>", "<Tipo>XX</Tipo><Importo>10.00</Importo>"),
        ("<PrezzoUnitario>0.25<", "<PrezzoUnitario>9999999999999999999999<"),
        ("<PrezzoTotale>225.00<", "<PrezzoTotale>9999999999999999999999<"),
        ("<Percentuale>10.00<", "<Percentuale>9999999999999999999999999<"),
    ],
)
def test_what_is_missing_or_absurd_refuses_the_invoice(change: tuple[str, str]) -> None:
    reading = read(changed(change))
    assert reading.records == ()
    assert not reading.proof.holds


BELOW = (
    ("<Importo>10.00</Importo>", "<Importo>1000.00</Importo>"),
    (">341.62</ImportoTotale", ">-648.38</ImportoTotale"),
)


def test_an_invoice_below_zero_is_a_credit() -> None:
    reading = read(changed(*BELOW))
    assert reading.proof.holds
    (invoice,) = reading.records
    assert (invoice.kind, invoice.gross, invoice.payable) == (InvoiceKind.CREDIT_NOTE, eur(648_38), eur(-648_38))
    assert total((line.net for line in invoice.lines), "EUR") == invoice.net


def test_a_credit_note_below_zero_is_a_question() -> None:
    reading = read(changed(("TD01", "TD04"), *BELOW))
    assert not reading.proof.holds
    assert any(problem.detail.startswith("a credit note below zero") for problem in reading.diagnostics)


digits = st.integers(1, 10**6)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(digits, digits, st.sampled_from([4, 10, 22])), min_size=1, max_size=5))
def test_whatever_adds_up_is_proved_and_its_lines_sum_to_its_net(rows: list[tuple[int, int, int]]) -> None:
    """Quantities with two decimals, prices with four: line totals with six, rounded once in the summary."""
    lines, summaries, gross = "", "", Decimal(0)
    for number, (quantity, price, rate) in enumerate(rows, 1):
        amount = Decimal(quantity) / 100 * Decimal(price) / 10_000
        lines += (
            f"<DettaglioLinee><NumeroLinea>{number}</NumeroLinea><Descrizione>x</Descrizione>"
            f"<Quantita>{Decimal(quantity) / 100:.2f}</Quantita><PrezzoUnitario>{Decimal(price) / 10_000:.4f}</PrezzoUnitario>"
            f"<PrezzoTotale>{amount:.6f}</PrezzoTotale><AliquotaIVA>{rate}.00</AliquotaIVA></DettaglioLinee>"
        )
    for rate in sorted({rate for _, _, rate in rows}):
        exact = sum(Decimal(q) / 100 * Decimal(p) / 10_000 for q, p, r in rows if r == rate)
        base = Money.rounded(Decimal(exact), "EUR")
        tax = Money.rounded(base.amount * rate / 100, "EUR")
        gross += base.amount + tax.amount
        summaries += (
            f"<DatiRiepilogo><AliquotaIVA>{rate}.00</AliquotaIVA><ImponibileImporto>{base.amount}</ImponibileImporto>"
            f"<Imposta>{tax.amount}</Imposta></DatiRiepilogo>"
        )
    text = FATTURA.decode()
    start, end = text.index("<DatiBollo>"), text.index("</DatiGeneraliDocumento>")
    text = text[:start] + f"<ImportoTotaleDocumento>{gross:.2f}</ImportoTotaleDocumento>" + text[end:]
    start, end = text.index("<DettaglioLinee>"), text.index("</DatiBeniServizi>")
    reading = read((text[:start] + lines + summaries + text[end:]).encode())
    assert reading.proof.holds, reading.diagnostics
    (invoice,) = reading.records
    assert invoice.gross == Money.of(gross, "EUR")
    assert total((line.net for line in invoice.lines), "EUR") == invoice.net


# ── simplified invoices ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_simplified_invoice_takes_the_vat_out_of_its_prices() -> None:
    reading = read(SIMPLIFIED, context=US)
    assert reading.format == "fatturapa-simplified"
    assert reading.proof.holds
    (invoice,) = reading.records
    assert (invoice.number, invoice.supplier_name, invoice.entity) == ("S-9", "Mario Rossi", "it")
    assert [(line.net, line.tax_rate) for line in invoice.lines] == [
        (eur(30_00), Decimal(10)),
        (eur(10_00), Decimal(22)),
    ]
    assert (invoice.net, invoice.tax, invoice.gross) == (eur(40_00), eur(5_20), eur(45_20))


def test_a_simplified_invoice_with_wrong_vat() -> None:
    reading = read(changed((">3.00</Imposta>", ">3.30</Imposta>"), body=SIMPLIFIED))
    assert [claim.name for claim in reading.proof.claims if not claim.holds] == ["VAT within the price of the line"]


# ── notifications ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_was_thrown_out() -> None:
    assert read(REJECTED).records == (
        Acknowledgment(
            kind="SdI NS",
            sender="SdI",
            receiver="",
            status="rejected",
            interchange="IT12345670785_00042.xml.p7m",
            group="9007",
            problems=(
                Problem(
                    Code.BAD_VALUE,
                    "NotificaScarto/ListaErrori/Errore[1], line 7",
                    detail="SdI 00404: Fattura duplicata",
                ),
                Problem(
                    Code.BAD_VALUE,
                    "NotificaScarto/ListaErrori/Errore[2], line 8",
                    detail="SdI 00423: PrezzoTotale non calcolato",
                ),
            ),
        ),
    )


def test_what_the_buyer_decided() -> None:
    assert read(ANSWER).records == (
        BusinessResponse(
            response_id="9007/56",
            about_kind="invoice",
            about_number="2026/117",
            status="RE",
            sender="SdI",
            note="Ordine mancante",
        ),
    )


@pytest.mark.parametrize(
    ("root", "status"),
    [
        ("RicevutaConsegna", "accepted"),
        ("NotificaMancataConsegna", "noted"),
        ("RicevutaImpossibilitaRecapito", "noted"),
        ("AttestazioneTrasmissioneFattura", "noted"),
        ("NotificaDecorrenzaTermini", "noted"),
        ("RicevutaScarto", "rejected"),
        ("ScartoEsitoCommittente", "rejected"),
    ],
)
def test_notifications_about_a_file(root: str, status: str) -> None:
    (record,) = read(REJECTED.replace(b"NotificaScarto", root.encode())).records
    assert (record.status, record.interchange, record.group) == (status, "IT12345670785_00042.xml.p7m", "9007")


def test_metadata_says_nothing_about_an_invoice() -> None:
    reading = read(REJECTED.replace(b"NotificaScarto", b"MetadatiInvioFile"))
    assert reading.records == ()
    assert [problem.code for problem in reading.diagnostics] == [Code.UNSUPPORTED_CONTENT]


@pytest.mark.parametrize(
    ("body", "what", "other"),
    [(ANSWER, b"EC02", b"EC09"), (ANSWER, b"EC02", b""), (REJECTED, b"<Errore>", b"<Altro>"), (REJECTED, b"9007", b"")],
)
def test_notifications_that_say_nothing(body: bytes, what: bytes, other: bytes) -> None:
    body = body.replace(what, other).replace(b"</Errore>", b"</Altro>" if other == b"<Altro>" else b"</Errore>")
    reading = read(body)
    assert reading.records == ()
    assert not reading.proof.holds


# ── almost valid documents ─────────────────────────────────────────────────────────────────────────────────────────


class TestFatturaPa(ReaderConformance):
    numbers = ("PrezzoUnitario", "PrezzoTotale", "AliquotaIVA", "ImponibileImporto", "Imposta")
    days = ("Data",)
    texts = ("Numero", "Divisa", "TipoDocumento", "NumeroLinea", "IdCodice", "Denominazione")

    def documents(self) -> Mapping[str, bytes]:
        seller_first = changed(
            ("<IdTrasmittente><IdPaese>IT</IdPaese><IdCodice>01234567890</IdCodice></IdTrasmittente>", "")
        )
        return {"invoice": seller_first}

    reader = staticmethod(read_fatturapa)


class TestSimplified(ReaderConformance):
    numbers = ("Importo", "Imposta", "Aliquota")
    days = ("Data",)
    texts = ("Numero", "Divisa", "TipoDocumento", "IdCodice")

    def documents(self) -> Mapping[str, bytes]:
        # The rate and the tax may each be missing where the other stands; the kit cuts out one of them.
        return {"invoice": SIMPLIFIED}

    reader = staticmethod(read_simplified)

    def broken(self):  # type: ignore[no-untyped-def]
        missing = {
            f"invoice: {name} {how}"
            for name in ("Imposta", "Aliquota")
            for how in ("is missing", "is ''", "holds an element")
        }
        return (found for found in super().broken() if found.how not in missing)


class TestNotification(ReaderConformance):
    texts = ("IdentificativoSdI", "NomeFile", "Codice")

    def documents(self) -> Mapping[str, bytes]:
        return {"rejection": REJECTED}

    reader = staticmethod(read_sdi)
