"""Why a message is not taken: the words of RFC 4130 (7.4.3, 7.5) for the partner, and a plain sentence for people.

What goes to the partner says nothing about how we work; the particulars stand in our log.
"""

from typing import Literal

from tieout.kernel.errors import TieoutError

Modifier = Literal[
    "authentication-failed",
    "decompression-failed",
    "decryption-failed",
    "insufficient-message-security",
    "integrity-check-failed",
    "unexpected-processing-error",
    "unknown-trading-partner",
    "unsupported format",
    "unsupported MIC-algorithms",
    "receipt address not agreed",
]

SENTENCES: dict[Modifier, str] = {
    "authentication-failed": "The signature is not by a certificate that was agreed and is valid today.",
    "decompression-failed": "The compressed content cannot be unpacked.",
    "decryption-failed": "The message cannot be decrypted with the key that was agreed.",
    "insufficient-message-security": "The message is not protected as it was agreed.",
    "integrity-check-failed": "The content is not the one that was signed.",
    "unexpected-processing-error": "The message could not be taken. Please ask us before sending it again.",
    "unknown-trading-partner": "No exchange was agreed between these two names.",
    "unsupported format": "The message, or the receipt that it asks for, has a form that is not supported.",
    "unsupported MIC-algorithms": "None of the digest algorithms that the receipt is asked with is accepted.",
    "receipt address not agreed": "Receipts are not delivered to the address that the message names.",
}

#: These concern the form of the message or of the receipt; RFC 4130, 7.5.3, calls them failures and not errors.
_FAILURES = ("unsupported format", "unsupported MIC-algorithms", "receipt address not agreed")


class RefusedMessage(TieoutError):
    """The message is not taken. Caught where messages are received; ``why`` is for our own log."""

    def __init__(self, modifier: Modifier, why: str) -> None:
        super().__init__(f"{modifier}: {why}")
        self.modifier: Modifier = modifier
        self.why = why


def disposition_of(modifier: Modifier) -> tuple[str, str]:
    """The type of the disposition and its modifier as they stand in a receipt."""
    if modifier in _FAILURES:
        return "failed", f"failure: {modifier}"
    return "processed", f"error: {modifier}"
