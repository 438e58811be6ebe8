"""ISO 20022 messages that we know by name and do not read, so that the refusal says what they are."""

from collections.abc import Iterator
from typing import Never

from tieout.formats.format import Head
from tieout.formats.iso20022.envelope import message_name
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.problem import Code

FORMAT = "iso-20022"

#: What each message is for, by the beginning of its name.
_MESSAGES = {
    "acmt": "account management between a bank and its customer",
    "admi": "administration of a network",
    "auth": "a report to the authorities",
    "camt.026": "a request because a payment could not be applied",
    "camt.027": "a claim that money was not received",
    "camt.028": "additional information about a payment",
    "camt.055": "a customer's request to cancel payments",
    "camt.056": "a request between banks to cancel payments",
    "camt.057": "a notification to receive money",
    "camt.058": "a cancellation of a notification to receive money",
    "camt.060": "a request for account reports",
    "camt.086": "a bank services billing statement (TWIST BSB)",
    "camt.087": "a request to change a payment",
    "colr": "collateral management",
    "fxtr": "a foreign exchange trade",
    "pacs.002": "a payment status report between banks",
    "pacs.003": "a direct debit between banks",
    "pacs.004": "a payment return between banks",
    "pacs.007": "a reversal between banks",
    "pacs.008": "a credit transfer between banks",
    "pacs.009": "a credit transfer of banks for themselves",
    "pacs.010": "a direct debit of banks for themselves",
    "pacs.028": "a request for the status of a payment between banks",
    "pain.001": "a payment file, which we write and do not read",
    "pain.007": "a customer's reversal of direct debits",
    "pain.008": "a direct debit file",
    "pain.009": "a request for a direct debit mandate",
    "pain.010": "a change of a direct debit mandate",
    "pain.011": "a cancellation of a direct debit mandate",
    "pain.012": "an answer to a request about a mandate",
    "pain.013": "a request to pay",
    "pain.014": "an answer to a request to pay",
    "reda": "reference data",
    "remt.001": "a remittance advice sent apart from its payment",
    "remt.002": "the location of a remittance advice",
    "seev": "a corporate action",
    "sese": "a securities settlement",
    "tsin": "a financial invoice",
    "tsmt": "a trade services message",
}


def recognises_other(head: Head) -> bool:
    """Any ISO 20022 message; tried after those that are read."""
    return bool(message_name(head))


def refuse(source: Source, context: Context, findings: Findings) -> Iterator[Never]:
    """Say which message it is; nothing of it is read."""
    name = message_name(Head.of(source))
    what = next((what for length in (8, 4) if (what := _MESSAGES.get(name[:length]))), "another ISO 20022 message")
    expected = "a statement, a notification, a status report or an answer to a cancellation"
    detail = f"this is {name}, {what}, which cannot be read"
    findings.fault(Code.UNKNOWN_FORMAT, "line 1", expected=expected, actual=name, detail=detail)
    yield from ()
