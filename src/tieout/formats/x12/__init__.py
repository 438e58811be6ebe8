"""ANSI ASC X12: invoices, orders and their answers, ship notices, receipts, remittance advices, and acknowledgments."""

from collections.abc import Iterator

from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.x12.answers import read_acknowledgment, read_application_advice
from tieout.formats.x12.envelope import SetReader, read_interchanges
from tieout.formats.x12.invoice import read_invoice
from tieout.formats.x12.orders import read_change_answer, read_order, read_order_answer, read_order_change
from tieout.formats.x12.remittance import read_remittance
from tieout.formats.x12.shipping import read_despatch, read_receipt
from tieout.model.documents import Document

READERS: dict[str, SetReader] = {
    "810": read_invoice,
    "820": read_remittance,
    "824": read_application_advice,
    "850": read_order,
    "855": read_order_answer,
    "856": read_despatch,
    "860": read_order_change,
    "861": read_receipt,
    "865": read_change_answer,
    "997": read_acknowledgment,
    "999": read_acknowledgment,
}
"""Who reads which transaction set."""


def read_x12(source: Source, context: Context, findings: Findings) -> Iterator[Document]:
    """Read the interchanges of a file: the records of each set, then the envelope."""
    yield from read_interchanges(READERS, source, context, findings)


def _recognises(head: Head) -> bool:
    """It begins with ``ISA`` and a separator."""
    text = head.text.lstrip()
    return text.startswith("ISA") and len(text) > 3 and not text[3].isalnum() and not text[3].isspace()


FORMATS = (
    Format("x12", f"ANSI X12 interchange ({', '.join(READERS)})", "application/edi-x12", "EDI", read_x12, _recognises),
)
