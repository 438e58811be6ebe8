"""Invoices and credit notes with a total below zero: which way do they count?"""

from msgspec import structs

from tieout.formats.reading import Findings
from tieout.kernel.problem import Code
from tieout.model.documents import Invoice, InvoiceKind


def turned(invoice: Invoice, where: str, findings: Findings) -> Invoice:
    """A negative invoice is a credit in substance, and becomes one; a negative credit note is a question."""
    if invoice.gross.minor >= 0:
        return invoice
    actual = str(invoice.gross)
    if invoice.kind is InvoiceKind.CREDIT_NOTE:
        detail = "a credit note below zero: a credit with a needless sign, or a debit? a person has to ask"
        findings.fault(Code.BAD_VALUE, where, expected="zero or more", actual=actual, detail=detail)
        return invoice
    detail = "an invoice below zero lowers what is owed: taken in as a credit note with all signs turned"
    findings.note(Code.ASSUMED_VALUE, where, actual=actual, detail=detail)
    return structs.replace(
        invoice,
        kind=InvoiceKind.CREDIT_NOTE,
        lines=tuple(structs.replace(line, quantity=-line.quantity, net=-line.net) for line in invoice.lines),
        net=-invoice.net,
        tax=-invoice.tax,
        gross=-invoice.gross,
        prepaid=-invoice.prepaid if invoice.prepaid else None,
        withheld=-invoice.withheld if invoice.withheld else None,
        rounding=-invoice.rounding if invoice.rounding else None,
    )
