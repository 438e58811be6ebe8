"""ISO 20022: payment files and requests to cancel out; status reports, statements and answers in."""

from tieout.formats.format import Format
from tieout.formats.iso20022.camt import NOTIFICATION, REPORT, STATEMENT, read_camt
from tieout.formats.iso20022.camt_cancellation import ANSWER, ANSWER_ROOTS, read_camt_029
from tieout.formats.iso20022.envelope import message_is
from tieout.formats.iso20022.others import FORMAT as OTHER
from tieout.formats.iso20022.others import recognises_other, refuse
from tieout.formats.iso20022.pain002 import FORMAT as PAIN_002
from tieout.formats.iso20022.pain002 import ROOTS, read_pain_002

_XML, _BANK = "application/xml", "bank"

FORMATS = (
    Format(PAIN_002, "ISO 20022 payment status report", _XML, _BANK, read_pain_002, message_is(*ROOTS)),
    Format(STATEMENT, "ISO 20022 account statement", _XML, _BANK, read_camt, message_is("BkToCstmrStmt")),
    Format(
        NOTIFICATION,
        "ISO 20022 debit and credit notification",
        _XML,
        _BANK,
        read_camt,
        message_is("BkToCstmrDbtCdtNtfctn"),
    ),
    Format(REPORT, "ISO 20022 interim account report", _XML, _BANK, read_camt, message_is("BkToCstmrAcctRpt")),
    Format(ANSWER, "ISO 20022 answer to a cancellation", _XML, _BANK, read_camt_029, message_is(*ANSWER_ROOTS)),
    Format(OTHER, "other ISO 20022 messages, which are refused by name", _XML, _BANK, refuse, recognises_other),
)
