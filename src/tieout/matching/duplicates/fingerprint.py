"""The fingerprint of an invoice: what is compared of it, small enough to keep one for every invoice for ever."""

import re
from datetime import date
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import Struct

from tieout.kernel.ids import fingerprint as sha256
from tieout.kernel.money import Money
from tieout.matching.duplicates.numbers import normal_number
from tieout.model.documents import Invoice

Status = Literal["open", "stopped", "cancelled"]
#: A part of a digest is enough to tell documents apart; nobody can read an account number out of it at a glance.
_DIGEST = 16
#: What stands between the letters and digits of a text.
_BETWEEN = re.compile(r"[\W_]+")
#: The same of plain texts, which most are; taking bytes out is several times as fast.
_BETWEEN_ASCII = bytes(code for code in range(128) if not chr(code).isalnum())
#: Purposes that are claims of their own beside the invoice they belong to.
_OWN_CLAIM = ("prepayment", "value_only", "retainage_release")


class Fingerprint(Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """What is compared of an invoice. New fields go to the end: fingerprints are kept as arrays.

    ``number`` is normal, ``printed`` as on paper. ``claim`` is the purpose where it makes a claim of its own.
    ``account``, ``basis`` (which order lines and receipts it bills) and ``content`` (what its lines say) are digests,
    empty when the document does not say. ``credits`` is the normal number of the invoice that a credit note credits.
    ``status``: a ``stopped`` one waits for a person; a ``cancelled`` one will not be paid. ``apart``: the invoices that
    a person has told from this one. ``net_minor`` is the total without tax, where that is another.
    """

    invoice_id: str
    entity: str
    supplier_id: str
    kind: str
    claim: str
    number: str
    printed: str
    issued_on: date
    gross_minor: int
    currency: str
    received_at: int
    channel: str = ""
    account: str = ""
    parent: str = ""
    credits: str = ""
    basis: str = ""
    content: str = ""
    status: Status = "open"
    apart: tuple[str, ...] = ()
    net_minor: int = 0

    @property
    def gross(self) -> Money:
        """The gross amount with the sign on paper."""
        return Money(self.gross_minor, self.currency)


def fingerprint_of(
    invoice_id: str,
    invoice: Invoice,
    received_at: int,
    *,
    channel: str = "",
    account: str = "",
    parent: str = "",
    status: Status = "open",
    apart: tuple[str, ...] = (),
) -> Fingerprint:
    """The fingerprint of an invoice that was received at this moment (microseconds since 1970).

    ``account`` is the digest of where the supplier is paid when the document does not say; ``parent`` is the supplier
    that it belongs to.
    """
    read = _read(invoice)
    return Fingerprint(
        invoice_id,
        invoice.entity,
        invoice.supplier_id,
        invoice.kind.value,
        invoice.purpose if invoice.purpose in _OWN_CLAIM else "",
        read.number,
        invoice.number,
        invoice.issued_on,
        invoice.gross.minor,
        invoice.gross.currency,
        received_at,
        channel,
        read.account or account,
        parent,
        read.credits,
        read.basis,
        read.content,
        status,
        apart,
        read.net_minor,
    )


class _Read(Struct, frozen=True):
    """What the document itself says and nothing changes: the same for every fingerprint of it."""

    invoice: Invoice
    number: str
    account: str
    credits: str
    basis: str
    content: str
    net_minor: int


#: What was read of the documents at hand, by their identity: a document is looked at some five times on its way through
#: a unit of work, and its lines are the larger part of the cost. Documents never change; this holds on to them, so that
#: no other can take the identity of one that is in here.
_KNOWN: dict[int, _Read] = {}
_KNOWN_MAX = 4096


def _read(invoice: Invoice) -> _Read:
    known = _KNOWN.get(id(invoice))
    if known is not None:
        return known
    read = _Read(
        invoice,
        normal_number(invoice.number),
        account_digest(invoice.payee_account),
        normal_number(invoice.credits_number),
        _digest(_basis(invoice)),
        _digest(_content(invoice)),
        invoice.net.minor if invoice.net != invoice.gross else 0,
    )
    if len(_KNOWN) >= _KNOWN_MAX:
        _KNOWN.clear()
    _KNOWN[id(invoice)] = read
    return read


@lru_cache(maxsize=4096)
def account_digest(account: str) -> str:
    """The digest of a bank account, however its number is written; empty for none."""
    return _digest(_plain(account))


def _digest(text: str) -> str:
    return sha256(text.encode())[:_DIGEST] if text else ""


def _plain(text: str) -> str:
    if text.isascii():
        return text.upper().encode().translate(None, _BETWEEN_ASCII).decode()
    return _BETWEEN.sub("", text.upper())


def _basis(invoice: Invoice) -> str:
    """The order lines and receipts that are billed, with the quantities."""
    parts = sorted(
        (line.order_id, line.order_line_id, line.receipt_id, str(line.quantity.normalize()))
        for line in invoice.lines
        if line.order_id
    )
    return msgspec.json.encode(parts).decode() if parts else ""


def _content(invoice: Invoice) -> str:
    """What the lines say in words and what they come to, in any order."""
    parts = sorted((_plain(line.description), line.net.minor) for line in invoice.lines if line.description)
    return msgspec.json.encode(parts).decode() if parts else ""
