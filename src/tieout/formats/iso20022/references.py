"""References that a creditor's system reads by itself, when a remittance text is nothing but one of them."""

from typing import Literal

from msgspec import Struct
from stdnum import iban as iban_numbers
from stdnum import iso11649
from stdnum.ch import esr

#: Bank numbers of Swiss and Liechtenstein accounts that take payments with a QR reference only.
_QR_BANKS = range(30_000, 32_000)


class CreditorReference(Struct, frozen=True):
    """``SCOR``: an ISO 11649 reference (RF…). ``QRR``: the 27 digits of a Swiss QR bill."""

    kind: Literal["SCOR", "QRR"]
    text: str


def is_qr_iban(iban: str) -> bool:
    """Whether a Swiss or Liechtenstein account has a QR-IID in place of its bank number."""
    compact = iban_numbers.compact(iban)
    return compact[:2] in ("CH", "LI") and compact[4:9].isdigit() and int(compact[4:9]) in _QR_BANKS


def creditor_reference(remittance: str, iban: str) -> CreditorReference | None:
    """The reference that a remittance text is, if it is one that goes with the account."""
    text = "".join(remittance.split()).upper()
    if not text.isascii() or not text.isalnum():
        return None
    if is_qr_iban(iban):
        digits = text.zfill(27) if text.isdigit() else ""
        return CreditorReference("QRR", digits) if len(digits) == 27 and esr.is_valid(digits) else None
    return CreditorReference("SCOR", text) if text.startswith("RF") and iso11649.is_valid(text) else None
