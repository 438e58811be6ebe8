"""The searches that are compared: ours, and two that every ERP has. Each says which known invoices are the same claim.

They see one arrival after the other and keep what they need of it. After each, a person who knows the truth settles
what was flagged: a duplicate is cancelled, an honest invoice is cleared, and with that a look-alike may be taught.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from msgspec.structs import replace

from tieout.kernel.clock import to_micros
from tieout.matching.duplicates import (
    Candidate,
    DuplicateRules,
    Fingerprint,
    Index,
    Lookalike,
    compare,
    fingerprint_of,
    related,
    taught_by,
)
from tieout.model.documents import Invoice
from tieout_bench.duplicates.truth import Arrival

Key = tuple[object, ...]
Found = tuple[tuple[str, str], ...]
"""Invoices that are held to be the same claim, each with ``block`` or ``suspect``."""


class Search(Protocol):
    """One way to look for duplicates."""

    def check(self, arrival: Arrival, invoice: Invoice) -> Found:
        """What it may be a duplicate of; it is known from now on."""
        ...

    def settle(self, *, duplicate: bool) -> None:
        """What a person says about the last one that was flagged."""
        ...


class Ours:
    """The search of tieout, with its default rules. ``teaching``: what is cleared teaches a look-alike, as policy has
    it; without, a person clears it and nothing is learnt."""

    def __init__(self, *, teaching: bool) -> None:
        self._teaching = teaching
        self._known = Index()
        self._rules = DuplicateRules()
        self._taught: dict[str, list[Lookalike]] = defaultdict(list)
        self._mine: Fingerprint | None = None
        self._flagged: list[Candidate] = []

    def check(self, arrival: Arrival, invoice: Invoice) -> Found:
        mine = fingerprint_of(
            arrival.invoice_id,
            invoice,
            to_micros(arrival.received_at),
            channel=arrival.channel,
            account=arrival.paper.vendor.record.account,
        )
        known = related(mine, self._known, self._rules)
        taught = self._taught.get(mine.supplier_id, ())
        found = compare(mine, known, self._rules, taught, arrival.received_at.date())
        self._known.add(mine)
        self._mine, self._flagged = mine, [one for one in found if one.verdict != "none"]
        return tuple((one.invoice_id, one.verdict) for one in self._flagged)

    def settle(self, *, duplicate: bool) -> None:
        mine = self._mine
        assert mine is not None
        if duplicate:
            self._known.add(replace(mine, status="cancelled"))
            return
        self._known.add(replace(mine, apart=tuple(one.invoice_id for one in self._flagged)))
        if self._teaching and self._flagged[0].verdict == "suspect":
            until = mine.issued_on + timedelta(days=self._rules.lookalike_days)
            taught = taught_by(self._flagged[0], mine, until)
            if taught is not None:
                self._taught[mine.supplier_id].append(taught)


class ByKey:
    """What every ERP does: an invoice with the same key as an earlier one is stopped."""

    def __init__(self, key_of: Callable[[Invoice], Key]) -> None:
        self._key_of = key_of
        self._first: dict[Key, str] = {}

    def check(self, arrival: Arrival, invoice: Invoice) -> Found:
        key = self._key_of(invoice)
        first = self._first.setdefault(key, arrival.invoice_id)
        return () if first == arrival.invoice_id else ((first, "block"),)

    def settle(self, *, duplicate: bool) -> None:
        """It learns nothing."""


def exact_number(invoice: Invoice) -> Key:
    """Supplier and number as they stand."""
    return invoice.supplier_id, invoice.number


def sap_classic(invoice: Invoice) -> Key:
    """SAP's check of duplicate invoices with all its criteria switched on: company code, supplier, currency, reference
    and invoice date; without a reference the amount takes its place."""
    named = invoice.number.strip().upper() or str(invoice.gross.minor)
    return invoice.entity, invoice.supplier_id, invoice.currency, named, invoice.issued_on, invoice.kind
