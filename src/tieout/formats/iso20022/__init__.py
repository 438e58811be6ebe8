"""ISO 20022: payment files out, status reports and statements in."""

import re
from collections.abc import Callable

from tieout.formats.format import Format, Head, root_is
from tieout.formats.iso20022.camt import NOTIFICATION, REPORT, STATEMENT, read_camt
from tieout.formats.iso20022.pain002 import FORMAT as PAIN_002
from tieout.formats.iso20022.pain002 import ROOT, read_pain_002

_XML, _BANK = "application/xml", "bank"


def _camt(name: str) -> Callable[[Head], bool]:
    """The message element, which version 1 wrote with its version behind it."""
    wanted = re.compile(rf"{name}(V[0-9]+)?")
    return lambda head: any(wanted.fullmatch(element) for element in head.elements)


FORMATS = (
    Format(PAIN_002, "ISO 20022 payment status report", _XML, _BANK, read_pain_002, root_is(ROOT)),
    Format(STATEMENT, "ISO 20022 account statement", _XML, _BANK, read_camt, _camt("BkToCstmrStmt")),
    Format(
        NOTIFICATION,
        "ISO 20022 debit and credit notification",
        _XML,
        _BANK,
        read_camt,
        _camt("BkToCstmrDbtCdtNtfctn"),
    ),
    Format(REPORT, "ISO 20022 interim account report", _XML, _BANK, read_camt, _camt("BkToCstmrAcctRpt")),
)
