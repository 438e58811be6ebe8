"""The simplified Italian e-invoice (FSM10) for small amounts: prices include VAT, and there are no totals to prove.

Element numbers are those of the technical rules. The VAT of a line is stated or follows from its rate (2.2.3).
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from decimal import Context as DecimalContext

from tieout.formats import fields
from tieout.formats.einvoice.below_zero import turned
from tieout.formats.einvoice.fatturapa import VAT_SLACK, Parties, kind_of, note_signature
from tieout.formats.einvoice.italian import Node, entity_of, name_of, vat_number
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import local, place, tree
from tieout.kernel.money import Money, is_currency, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import supplier_id_of

ROOT = "FatturaElettronicaSemplificata"
_WIDE = DecimalContext(prec=60, rounding=ROUND_HALF_UP, traps=[])
_GENERAL = ("DatiGenerali", "DatiGeneraliDocumento")


def read_simplified(source: Source, context: Context, findings: Findings) -> Iterator[Invoice]:
    """Read the invoices of one file."""
    root = tree(source.whole(), context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    if local(root) != ROOT:
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected=ROOT, actual=local(root))
        return
    node = Node(root, findings)
    note_signature(node)
    parties = _parties(node, context)
    bodies = list(node.nodes("FatturaElettronicaBody"))
    if not bodies:
        node.fault(Code.MISSING_FIELD, "FatturaElettronicaBody", expected="at least one invoice")
    for body in bodies:
        invoice = _invoice(body, parties, source.mark)
        if invoice is not None:
            yield invoice


def _parties(root: Node, context: Context) -> Parties:
    """The seller (1.2), and the buyer (1.3) by any of its identifiers."""
    header = root.node("FatturaElettronicaHeader")
    seller = header.node("CedentePrestatore") if header else None
    buyer = header.node("CessionarioCommittente") if header else None
    if header is None or seller is None or buyer is None:
        missing = "CessionarioCommittente" if seller is not None else "CedentePrestatore"
        root.fault(Code.MISSING_FIELD, "FatturaElettronicaHeader", missing)
        return Parties("", "", "")
    if not seller.has("IdFiscaleIVA", "IdCodice"):
        seller.fault(Code.MISSING_FIELD, "IdFiscaleIVA", expected="the VAT number of the seller (1.2.1)")
    name = name_of(seller)
    if not name:
        seller.fault(Code.MISSING_FIELD, "Denominazione", expected="the name of the seller (1.2.3)")
    identity = ("IdentificativiFiscali",)
    identifiers = [
        vat_number(buyer, *identity, "IdFiscaleIVA"),
        buyer.optional(*identity, "IdFiscaleIVA", "IdCodice"),
        buyer.optional(*identity, "CodiceFiscale"),
        header.optional("DatiTrasmissione", "CodiceDestinatario"),
    ]
    entity = entity_of(identifiers, context, place(buyer.element), root.findings)
    return Parties(entity, vat_number(seller, "IdFiscaleIVA"), name)


def _invoice(body: Node, parties: Parties, document: str) -> Invoice | None:
    general = body.node(*_GENERAL) or body
    currency = general.raw("Divisa")
    if not is_currency(currency):
        general.fault(Code.BAD_VALUE, "Divisa", expected="an ISO 4217 code", actual=currency)
        return None
    kind, number, issued_on = kind_of(general), general.text("Numero"), general.day("Data")
    nodes = list(body.nodes("DatiBeniServizi"))
    if not nodes:
        body.fault(Code.MISSING_FIELD, "DatiBeniServizi", expected="at least one line")
    read = [_line(node, str(place_in), currency) for place_in, node in enumerate(nodes, 1)]
    lines = [found for found in read if found is not None]
    if kind is None or issued_on is None or not body.findings.complete:
        return None
    body.findings.assume("the due date", "the day of issue", body.where("DatiGenerali"))
    net, tax = (total(amounts, currency) for amounts in ((line.net for line, _ in lines), (tax for _, tax in lines)))
    credited = body.optional("DatiGenerali", "DatiFatturaRettificata", "NumeroFR")
    invoice = Invoice(
        kind=kind,
        number=number,
        entity=parties.entity,
        supplier_id=supplier_id_of(parties.tax_id),
        supplier_tax_id=parties.tax_id,
        supplier_name=parties.name,
        currency=currency,
        issued_on=issued_on,
        due_on=issued_on,
        lines=tuple(line for line, _ in lines),
        net=net,
        tax=tax,
        gross=net + tax,
        credits_number=credited if kind is InvoiceKind.CREDIT_NOTE else "",
        document=document,
    )
    return turned(invoice, general.where("TipoDocumento"), body.findings)


def _line(node: Node, line_id: str, currency: str) -> tuple[InvoiceLine, Money] | None:
    """2.2, one line and its VAT, taken out of the price."""
    gross = node.money(currency, "Importo")
    rate = node.number_or(Decimal(0), "DatiIVA", "Aliquota")
    if gross is None or rate is None:
        return None
    if rate < 0 or rate > 100:
        node.fault(Code.BAD_VALUE, "DatiIVA", "Aliquota", expected="a percentage", actual=str(rate))
        return None
    share = _WIDE.divide(rate, _WIDE.add(Decimal(100), rate))
    computed = Money.rounded(_WIDE.multiply(gross.amount, share), currency)
    tax: Money | None = computed
    if node.has("DatiIVA", "Imposta"):
        tax = node.money(currency, "DatiIVA", "Imposta")
        if tax is not None and node.has("DatiIVA", "Aliquota"):
            node.claim("VAT within the price of the line", tax, computed, VAT_SLACK, "DatiIVA", "Imposta")
    if tax is None:
        return None
    net = gross - tax
    line = InvoiceLine(
        line_id=line_id,
        quantity=Decimal(1),
        unit="",
        unit_price=fields.plain(net.amount),
        net=net,
        description=node.optional("Descrizione"),
        tax_rate=fields.plain(rate),
    )
    return line, tax
