"""Finding what may be alike among millions: a few keys for each invoice, and a few keys to look under.

An amount falls into a bucket by its first two digits (10 to 99) and its length, so amounts that are one per cent apart
are in the same bucket or in neighbouring ones, and a supplier with a million invoices has few in each bucket and month.
Keys are 63-bit digests; two that happen to be equal cost a comparison and nothing else.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import blake2b

from msgspec import Struct

from tieout.matching.duplicates.fingerprint import Fingerprint
from tieout.policy.duplicates import DuplicateRules

#: Further back than the window, so that three equal amounts at a regular interval are seen together.
_SERIES = 2
_ALWAYS = (0, date.max.toordinal())


class Look(Struct, frozen=True, gc=False):
    """One place to look: everything under ``key`` that is dated from ``first`` to ``last`` (days since year 1)."""

    key: int
    first: int
    last: int


def keys_of(one: Fingerprint) -> tuple[int, ...]:
    """The keys that an invoice is found under."""
    return tuple(sorted({_key(*words) for words in _words(one, (bucket(one.gross_minor),))}))


def looks(one: Fingerprint, rules: DuplicateRules) -> tuple[Look, ...]:
    """Where to look for what may be the same claim as this invoice, and for what explains that it is not."""
    size, percent = abs(one.gross_minor), rules.amount_percent
    reach = int(size * percent / (100 - percent)) + 1  # per cent of the larger of the two, which may be the other
    low, high = one.gross_minor - reach, one.gross_minor + reach
    buckets = tuple(range(bucket(low), bucket(high) + 1))
    day, days = one.issued_on.toordinal(), _SERIES * rules.window_days + 5
    found = []
    for words in _words(one, buckets):
        dated = words[0] in ("supplier", "account")
        first, last = (max(day - days, 0), day + days) if dated else _ALWAYS
        found.append(Look(_key(*words), first, last))
    return tuple(found)


def bucket(minor: int) -> int:
    """The bucket of an amount in minor units: its length and first two digits. Larger amounts, larger buckets, and no
    gap between two that follow each other."""
    size = abs(minor)
    digits = max(len(str(size)), 2)
    number = 90 * digits + int(str(size)[:2])
    return number if minor >= 0 else -number


def _words(one: Fingerprint, buckets: Iterable[int]) -> Iterator[tuple[str, ...]]:
    for number in buckets:
        amount = (one.currency, str(number))
        yield ("supplier", one.supplier_id, *amount)
        if one.account:
            yield ("account", one.account, *amount)
        if one.parent:
            yield ("supplier", one.parent, *amount)
    if one.number:
        yield ("number", one.supplier_id, one.number)
        yield ("total", one.number, one.currency, str(one.gross_minor))


def _key(*words: str) -> int:
    return int.from_bytes(blake2b("\x1f".join(words).encode(), digest_size=8).digest(), "big") >> 1


class Index:
    """Fingerprints in memory, found by the same keys as in the store: for a batch, for tests, for a file."""

    def __init__(self, known: Iterable[Fingerprint] = ()) -> None:
        self._kept: dict[str, Fingerprint] = {}
        self._by_key: dict[int, dict[str, Fingerprint]] = {}
        for one in known:
            self.add(one)

    def add(self, one: Fingerprint) -> None:
        """Keep it; in place of what was kept of the same invoice."""
        before = self._kept.get(one.invoice_id)
        for key in keys_of(before) if before else ():
            del self._by_key[key][one.invoice_id]
        self._kept[one.invoice_id] = one
        for key in keys_of(one):
            self._by_key.setdefault(key, {})[one.invoice_id] = one

    def get(self, invoice_id: str) -> Fingerprint | None:
        """What is kept of an invoice."""
        return self._kept.get(invoice_id)

    def under(self, places: Iterable[Look]) -> dict[str, Fingerprint]:
        """What is found there, by invoice."""
        found: dict[str, Fingerprint] = {}
        for look in places:
            here = self._by_key.get(look.key, {})
            found |= {name: one for name, one in here.items() if look.first <= one.issued_on.toordinal() <= look.last}
        return found


def related(one: Fingerprint, known: Index, rules: DuplicateRules | None = None) -> tuple[Fingerprint, ...]:
    """Everything known that is worth comparing with this invoice, itself left out, in the order of arrival."""
    found = known.under(looks(one, rules or DuplicateRules()))
    found.pop(one.invoice_id, None)
    return tuple(sorted(found.values(), key=lambda other: (other.received_at, other.invoice_id)))
