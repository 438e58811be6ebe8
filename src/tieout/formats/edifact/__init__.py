"""UN/EDIFACT: interchanges of invoices, orders, answers, despatch advices, receipts, remittance advices and
acknowledgments.

One reader takes all of them, since an interchange may hold messages of several types. Adding one is a table in
``groups.toml`` and a row here.
"""

from collections.abc import Iterator

from tieout.formats.edifact.despatch import read_desadv, read_recadv
from tieout.formats.edifact.envelope import MessageReader, read_interchanges
from tieout.formats.edifact.invoic import read_invoic
from tieout.formats.edifact.orders import read_orders, read_ordrsp
from tieout.formats.edifact.remadv import read_remadv
from tieout.formats.edifact.responses import read_aperak, read_contrl
from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.model.documents import Document

READERS: dict[str, MessageReader] = {
    "APERAK": read_aperak,
    "CONTRL": read_contrl,
    "DESADV": read_desadv,
    "INVOIC": read_invoic,
    "ORDERS": read_orders,
    "ORDRSP": read_ordrsp,
    "RECADV": read_recadv,
    "REMADV": read_remadv,
}
"""Who reads which type of message."""


def read_edifact(source: Source, context: Context, findings: Findings) -> Iterator[Document]:
    """Read the interchanges of a file: the records of each message, then the envelope."""
    yield from read_interchanges(READERS, source, context, findings)


def _recognises(head: Head) -> bool:
    """It begins with the service string advice or an interchange header, batch or interactive."""
    text = head.text.lstrip()
    return text[:3] in ("UNA", "UNB", "UIB") and len(text) > 3 and not text[3].isalnum()


FORMATS = (
    Format(
        "edifact",
        "UN/EDIFACT interchange (INVOIC, ORDERS, ORDRSP, DESADV, RECADV, REMADV, CONTRL, APERAK)",
        "application/edifact",
        "EDI",
        read_edifact,
        _recognises,
    ),
)
