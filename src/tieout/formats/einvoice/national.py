"""National e-invoices that are not of EN 16931, invoices in envelopes, and invoices read off pictures."""

from collections.abc import Callable

from tieout.formats.einvoice import enveloped, ocr
from tieout.formats.einvoice.fatturapa import ROOT, read_fatturapa
from tieout.formats.einvoice.fatturapa_simplified import ROOT as SIMPLIFIED
from tieout.formats.einvoice.fatturapa_simplified import read_simplified
from tieout.formats.einvoice.sdi import ROOTS, read_sdi
from tieout.formats.format import Format, Head

_XML, _FAMILY = "application/xml", "e-invoices"


def _root(*names: str) -> Callable[[Head], bool]:
    return lambda head: not {*names}.isdisjoint(head.elements[:1])


NATIONAL = (
    Format("fatturapa", "FatturaPA, Italy (FPA12, FPR12)", _XML, _FAMILY, read_fatturapa, _root(ROOT)),
    Format(
        "fatturapa-simplified", "Simplified FatturaPA, Italy (FSM10)", _XML, _FAMILY, read_simplified, _root(SIMPLIFIED)
    ),
    Format("sdi-notification", "Notification of the Italian exchange system", _XML, _FAMILY, read_sdi, _root(*ROOTS)),
    *enveloped.FORMATS,
    *ocr.FORMATS,
)
