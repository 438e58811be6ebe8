"""FatturaPA: the ordinary Italian e-invoice (FPA12, FPR12, version 1.2), proved with the slack of SdI's own controls.

Element numbers are those of the technical rules of the Agenzia delle Entrate, five-digit codes those of the list of
controls of the exchange system (SdI). How a body becomes an :class:`~tieout.model.documents.Invoice`:

* One file may hold several bodies: each is an invoice of the same supplier for the same buyer.
* ``net`` is the sum of the taxable amounts of the summary (2.2.2.5), ``tax`` that of its VAT (2.2.2.6). What is on the
  document and in no line becomes a line of its own, without a unit: contributions to professional funds (``fund/1``),
  discounts and surcharges on the whole (``allowance/1``, ``charge/1``), the stamp duty where it is charged
  (``stamp``), and rounding (``rounding``), so that the lines always sum to ``net``.
* Lines may have eight decimals; they are rounded to the cent one by one, and ``rounding`` takes up what that leaves.
* What the buyer keeps back and pays to the state himself is ``withheld``, so less than ``gross`` is payable: tax on
  income (2.1.1.5), and the VAT of a split payment (``EsigibilitaIVA`` S, article 17-ter DPR 633/1972).
* Documents that a buyer issues to himself for VAT (TD16 to TD23, TD27 to TD29) ask nobody for money and are refused.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct

from tieout.formats import fields
from tieout.formats.codes import load
from tieout.formats.einvoice.below_zero import turned
from tieout.formats.einvoice.fatturapa_lines import Taxed, lines_of, price_change, vat_class
from tieout.formats.einvoice.italian import Node, entity_of, name_of, vat_number
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import child, local, place, tree
from tieout.kernel.money import EXACT, Money, is_currency, multiply, total
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import supplier_id_of

ROOT = "FatturaElettronica"
TYPES = load("fatturapa_document_types")
#: SdI control 00421 lets the VAT of a summary be one cent off, 00422 its taxable amount one euro.
VAT_SLACK, BASE_SLACK = 1, 100
SPLIT_PAYMENT = "S"
_GENERAL = ("DatiGenerali", "DatiGeneraliDocumento")
_PARTY = ("DatiAnagrafici",)


def read_fatturapa(source: Source, context: Context, findings: Findings) -> Iterator[Invoice]:
    """Read the invoices of one file."""
    root = tree(source.whole(), context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    if local(root) != ROOT:
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected=ROOT, actual=local(root))
        return
    note_signature(Node(root, findings))
    node = Node(root, findings)
    parties = _parties(node, context)
    bodies = list(node.nodes("FatturaElettronicaBody"))
    if not bodies:
        node.fault(Code.MISSING_FIELD, "FatturaElettronicaBody", expected="at least one invoice")
    for body in bodies:
        invoice = _Body(body, parties, source.mark).read()
        if invoice is not None:
            yield invoice


def note_signature(root: Node) -> None:
    """A signature in the XML itself is told; unlike one around the file it is not verified."""
    if child(root.element, "Signature") is not None:
        detail = "the file carries an XML signature (XAdES), which is not verified"
        root.note(Code.UNSUPPORTED_CONTENT, "Signature", detail=detail)


class Parties(Struct, frozen=True):
    """Who bills whom."""

    entity: str
    tax_id: str
    name: str


def _parties(root: Node, context: Context) -> Parties:
    """The seller (1.2) by its VAT number, and the buyer (1.4) by any of its identifiers."""
    header = root.node("FatturaElettronicaHeader")
    seller = header.node("CedentePrestatore") if header else None
    buyer = header.node("CessionarioCommittente") if header else None
    if header is None or seller is None or buyer is None:
        missing = "CessionarioCommittente" if seller is not None else "CedentePrestatore"
        root.fault(Code.MISSING_FIELD, "FatturaElettronicaHeader", missing)
        return Parties("", "", "")
    tax_id = vat_number(seller, *_PARTY, "IdFiscaleIVA")
    if not seller.has(*_PARTY, "IdFiscaleIVA", "IdCodice"):
        seller.fault(Code.MISSING_FIELD, *_PARTY, "IdFiscaleIVA", expected="the VAT number of the seller (1.2.1.1)")
    name = name_of(seller, *_PARTY, "Anagrafica")
    if not name:
        seller.fault(Code.MISSING_FIELD, *_PARTY, "Anagrafica", expected="the name of the seller (1.2.1.3)")
    identifiers = [
        vat_number(buyer, *_PARTY, "IdFiscaleIVA"),
        buyer.optional(*_PARTY, "IdFiscaleIVA", "IdCodice"),
        buyer.optional(*_PARTY, "CodiceFiscale"),
        header.optional("DatiTrasmissione", "PECDestinatario"),
        header.optional("DatiTrasmissione", "CodiceDestinatario"),
    ]
    return Parties(entity_of(identifiers, context, place(buyer.element), root.findings), tax_id, name)


class _Summary(Struct, frozen=True):
    """2.2.2, one class of VAT: what is taxable, and the tax."""

    rate: Decimal
    nature: str
    base: Money
    tax: Money
    rounding: Decimal
    is_split: bool
    node: Node


class _Body:
    """One body being read; only here so that currency and findings need not be passed around."""

    def __init__(self, body: Node, parties: Parties, document: str) -> None:
        general = body.node(*_GENERAL)
        self.body = body
        self.general = general or body
        self.findings = body.findings
        self.parties = parties
        self.document = document
        self.currency = self.general.raw("Divisa")

    def read(self) -> Invoice | None:
        if not is_currency(self.currency):
            self.general.fault(Code.BAD_VALUE, "Divisa", expected="an ISO 4217 code", actual=self.currency)
            return None
        kind = kind_of(self.general)
        number, issued_on = self.general.text("Numero"), self.general.day("Data")
        taxed = list(lines_of(self.body, self.currency))
        funds = list(self._funds())
        blocks = self.body.nodes("DatiBeniServizi", "DatiRiepilogo")
        summaries = [found for node in blocks if (found := self._summary(node)) is not None]
        due_on = self._due_day(issued_on) if issued_on else None
        self._note_what_is_left()
        if issued_on is None or due_on is None or kind is None or not self.findings.complete:
            return None  # What cannot be read whole has no canonical form; the original is kept, with its problems.
        self._prove_summaries([*taxed, *funds], summaries)
        base = total((summary.base for summary in summaries), self.currency)
        tax = total((summary.tax for summary in summaries), self.currency)
        others = list(self._document_lines(base + tax))
        lines = [found.line for found in (*taxed, *funds)]
        lines += self._rounding_line(base - total((line.net for line in lines), self.currency))
        lines += others
        net = total((line.net for line in lines), self.currency)
        self._check_gross(net + tax)
        if not self.findings.complete:
            return None
        withheld = self._kept_back(net + tax, summaries)
        invoice = Invoice(
            kind=kind,
            number=number,
            entity=self.parties.entity,
            supplier_id=supplier_id_of(self.parties.tax_id),
            supplier_tax_id=self.parties.tax_id,
            supplier_name=self.parties.name,
            currency=self.currency,
            issued_on=issued_on,
            due_on=due_on,
            lines=tuple(lines),
            net=net,
            tax=tax,
            gross=net + tax,
            credits_number=self._credited(kind),
            document=self.document,
            withheld=withheld or None,
        )
        return turned(invoice, self.general.where("TipoDocumento"), self.findings)

    # ── what belongs to the document and to no line ────────────────────────────────────────────────────────────────

    def _funds(self) -> Iterator[Taxed]:
        """2.1.1.7: contributions to a professional fund, which the client pays on top, with VAT."""
        for number, node in enumerate(self.general.nodes("DatiCassaPrevidenziale"), 1):
            amount, taxed = node.money(self.currency, "ImportoContributoCassa"), vat_class(node)
            if amount is None or taxed is None:
                continue
            name = f"contribution to a professional fund {node.optional('TipoCassa')}".strip()
            yield Taxed(_line(f"fund/{number}", amount, name, taxed[0]), amount.amount, *taxed)

    def _document_lines(self, base: Money) -> Iterator[InvoiceLine]:
        """Discounts and surcharges on the whole (2.1.1.8), rounding (2.1.1.10) and the stamp duty (2.1.1.6)."""
        found: list[InvoiceLine] = []
        numbers = {"allowance": 0, "charge": 0}
        for node in self.general.nodes("ScontoMaggiorazione"):
            change = price_change(node, base.amount)
            if change is None:
                continue
            amount = Money.rounded(change, self.currency)
            kind = "charge" if amount.minor > 0 else "allowance"
            numbers[kind] += 1
            found.append(_line(f"{kind}/{numbers[kind]}", amount, f"{kind} on the document"))
        rounding = self.general.money_or_zero(self.currency, "Arrotondamento")
        if rounding:
            found.append(_line("rounding", rounding, "rounding of the document"))
        yield from found
        yield from self._stamp(base + total((line.net for line in found), self.currency))

    def _stamp(self, before: Money) -> Iterator[InvoiceLine]:
        """The stamp duty, if the total of the document says that the buyer is charged with it."""
        node = self.general.node("DatiBollo")
        if node is None:
            return
        stamp = node.money_or_zero(self.currency, "ImportoBollo")
        declared = self._declared()
        if stamp and declared is not None and declared - before in (stamp, stamp - self._withheld()):
            yield _line("stamp", stamp, "stamp duty")
        elif stamp:
            detail = "stamp duty that the seller does not charge on"
            node.note(Code.UNSUPPORTED_CONTENT, "ImportoBollo", actual=str(stamp), detail=detail)

    def _rounding_line(self, left: Money) -> Iterator[InvoiceLine]:
        """What the lines, each rounded to the cent, leave of the taxable amount."""
        if left:
            detail = "the lines, each rounded to the cent, differ from the taxable amount (SdI 00422 allows one euro)"
            self.body.note(Code.ASSUMED_VALUE, "DatiBeniServizi", actual=str(left), detail=detail)
            yield _line("rounding/lines", left, "rounding of the lines")

    def _withheld(self) -> Money:
        """2.1.1.5.2: tax that the buyer keeps back and pays to the state."""
        amounts = [node.money(self.currency, "ImportoRitenuta") for node in self.general.nodes("DatiRitenuta")]
        return total((amount for amount in amounts if amount is not None), self.currency)

    def _declared(self) -> Money | None:
        """2.1.1.9, the total of the document, where it is given."""
        path = "ImportoTotaleDocumento"
        return self.general.money(self.currency, path) if self.general.has(path) else None

    def _credited(self, kind: InvoiceKind) -> str:
        """2.1.6, the invoice that a credit note is about."""
        blocks = list(self.body.nodes("DatiGenerali", "DatiFattureCollegate"))
        if kind is not InvoiceKind.CREDIT_NOTE or not blocks:
            return ""
        if len(blocks) > 1:
            detail = "more than one preceding invoice; only the first is kept"
            blocks[1].note(Code.UNSUPPORTED_CONTENT, "IdDocumento", detail=detail)
        return blocks[0].optional("IdDocumento")

    def _due_day(self, issued_on: date) -> date | None:
        """2.4.2.5, or the day that its term of payment gives (2.4.2.3, 2.4.2.4); the first of several."""
        days = {day for node in self._payments() if (day := _due_day(node)) is not None}
        if not days:
            self.findings.assume("the due date (2.4.2.5)", "the day of issue", self.body.where("DatiPagamento"))
            return issued_on
        if len(days) > 1:
            detail = "payable in parts on several days; the first day is kept for the whole"
            self.body.note(Code.UNSUPPORTED_CONTENT, "DatiPagamento", actual=f"{len(days)} days", detail=detail)
        return min(days)

    def _payments(self) -> Iterator[Node]:
        for block in self.body.nodes("DatiPagamento"):
            yield from block.nodes("DettaglioPagamento")

    def _note_what_is_left(self) -> None:
        """What matters for money or as evidence, and has no place in our invoice."""
        for node in self._payments():
            if node.has("ScontoPagamentoAnticipato"):
                detail = "a discount for early payment is not kept"
                node.note(Code.UNSUPPORTED_CONTENT, "ScontoPagamentoAnticipato", detail=detail)
        names = [node.optional("NomeAttachment") for node in self.body.nodes("Allegati")]
        if names:
            detail = "attachments in the invoice are kept with the original and not read"
            self.body.note(Code.UNSUPPORTED_CONTENT, "Allegati", actual=", ".join(names), detail=detail)

    # ── sums ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _summary(self, node: Node) -> _Summary | None:
        """2.2.2, with its own proof: SdI 00421."""
        base, tax = node.money(self.currency, "ImponibileImporto"), node.money(self.currency, "Imposta")
        taxed, rounding = vat_class(node), node.number_or(Decimal(0), "Arrotondamento")
        if base is None or tax is None or taxed is None or rounding is None:
            return None
        rate, nature = taxed
        computed = Money.rounded(multiply(base.amount, EXACT.scaleb(rate, -2)), self.currency)
        node.claim("SdI 00421: VAT = rate × taxable amount", tax, computed, VAT_SLACK, "Imposta")
        if nature.startswith("N6"):
            detail = "reverse charge: the buyer accounts for the VAT"
            node.note(Code.UNSUPPORTED_CONTENT, "Natura", actual=nature, detail=detail)
        return _Summary(rate, nature, base, tax, rounding, node.raw("EsigibilitaIVA") == SPLIT_PAYMENT, node)

    def _prove_summaries(self, parts: list[Taxed], summaries: list[_Summary]) -> None:
        """SdI 00422: the taxable amount of each class of VAT is the sum of what belongs to it; and none is left out."""
        classes = sorted({(part.rate, part.nature) for part in parts} | {(own.rate, own.nature) for own in summaries})
        for rate, nature in classes:
            own = [summary for summary in summaries if (summary.rate, summary.nature) == (rate, nature)]
            exact = [part.exact for part in parts if (part.rate, part.nature) == (rate, nature)]
            computed = Decimal(0)
            for amount in (*exact, *(summary.rounding for summary in own)):
                computed = EXACT.add(computed, amount)
            declared = total((summary.base for summary in own), self.currency)
            name = f"SdI 00419, 00422: taxable at {rate:f} % {nature}".strip()
            holder = own[0].node if own else self.body
            path = ("ImponibileImporto",) if own else ("DatiBeniServizi",)
            holder.claim(name, declared, Money.rounded(computed, self.currency), BASE_SLACK, *path)

    def _check_gross(self, gross: Money) -> None:
        """2.1.1.9 against the summaries. Some senders state it after the tax that is withheld."""
        declared = self._declared()
        if declared is None:
            where = self.general.where("ImportoTotaleDocumento")
            self.findings.assume("the total of the document (2.1.1.9)", "the sum of its summaries", where)
            return
        withheld = self._withheld()
        is_after = bool(withheld) and declared == gross - withheld
        computed = gross - withheld if is_after else gross
        self.general.claim("total of the document (2.1.1.9)", declared, computed, 0, "ImportoTotaleDocumento")
        if is_after:
            detail = "the total is stated after the tax that is withheld; the gross amount is before it"
            self.general.note(Code.BAD_VALUE, "ImportoTotaleDocumento", actual=str(declared), detail=detail)

    def _kept_back(self, gross: Money, summaries: list[_Summary]) -> Money:
        """What we keep back and pay to the state: tax that is withheld, and the VAT of a split payment."""
        withheld = self._withheld()
        split = total((summary.tax for summary in summaries if summary.is_split), self.currency)
        due = gross - withheld - split
        if withheld:
            detail = f"tax is withheld: {due} is due, not {gross}"
            self.general.note(Code.UNSUPPORTED_CONTENT, "DatiRitenuta", actual=str(withheld), detail=detail)
        if split:
            holder = next(summary.node for summary in summaries if summary.is_split)
            detail = f"split payment, the buyer pays the VAT to the state: {due} is due, not {gross}"
            holder.note(Code.UNSUPPORTED_CONTENT, "EsigibilitaIVA", actual=str(split), detail=detail)
        asked = [node.money(self.currency, "ImportoPagamento") for node in self._payments()]
        paid = total((amount for amount in asked if amount is not None), self.currency)
        if paid and paid != due:
            detail = "the payments that are asked for are not what is due"
            self.body.note(Code.TOTALS_DISAGREE, "DatiPagamento", expected=str(due), actual=str(paid), detail=detail)
        return withheld + split


def _line(line_id: str, amount: Money, description: str, rate: Decimal = Decimal(0)) -> InvoiceLine:
    """A line of something that is not sold: quantity 1 without a unit."""
    price = fields.plain(amount.amount)
    return InvoiceLine(
        line_id=line_id,
        quantity=Decimal(1),
        unit="",
        unit_price=price,
        net=amount,
        description=description,
        tax_rate=rate,
    )


def kind_of(general: Node) -> InvoiceKind | None:
    """2.1.1.1: an invoice or a credit note; nothing for a document that asks nobody for money."""
    code = general.text("TipoDocumento")
    if code and code not in TYPES:
        general.note(Code.UNKNOWN_CODE, "TipoDocumento", actual=code, detail="read as an invoice")
        return InvoiceKind.INVOICE
    way, _, meaning = TYPES.meaning(code).partition(": ")
    if way == "own":
        detail = f"{meaning}: the buyer issues it for VAT only, and nobody is paid for it"
        general.fault(Code.UNSUPPORTED_CONTENT, "TipoDocumento", actual=code, detail=detail)
        return None
    return InvoiceKind(way) if way else None


def _due_day(payment: Node) -> date | None:
    """When one part of the payment is due, if that is said."""
    if payment.has("DataScadenzaPagamento"):
        return payment.day("DataScadenzaPagamento")
    if not (payment.has("DataRiferimentoTerminiPagamento") and payment.has("GiorniTerminiPagamento")):
        return None
    start, days = payment.day("DataRiferimentoTerminiPagamento"), payment.raw("GiorniTerminiPagamento")
    if start is None:
        return None
    if not (days.isascii() and days.isdigit() and len(days) <= 3):
        payment.fault(Code.BAD_VALUE, "GiorniTerminiPagamento", expected="a number of days", actual=days)
        return None
    return start + timedelta(days=int(days)) if start.year < date.max.year - 3 else start
