"""Finding what may be alike among millions: a few keys for each invoice, and a few keys to look under.

An amount falls into a bucket by its first two digits (10 to 99) and its length, so amounts that are one per cent apart
are in the same bucket or in neighbouring ones, and a supplier with a million invoices has few in each bucket and month.
Keys are 63-bit digests; two that happen to be equal cost a comparison and nothing else.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from hashlib import blake2b

from msgspec import Struct

from tieout.matching.duplicates.fingerprint import Fingerprint
from tieout.matching.duplicates.score import swapped
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
    amount = bucket(one.gross_minor)
    texts = [*_dated(one, (amount,)), _before_tax(one, taxed=bool(one.net_minor)), *_numbered(one)]
    return tuple(sorted({_key(text) for text in texts}))


def looks(one: Fingerprint, rules: DuplicateRules) -> tuple[Look, ...]:
    """Where to look for what may be the same claim as this invoice, and for what explains that it is not."""
    size, percent = abs(one.gross_minor), rules.amount_percent
    reach = int(size * percent / (100 - percent)) + 1  # per cent of the larger of the two, which may be the other
    buckets = range(bucket(one.gross_minor - reach), bucket(one.gross_minor + reach) + 1)
    day, days = one.issued_on.toordinal(), _SERIES * rules.window_days + 5
    first, last = max(day - days, 0), day + days
    found = [Look(_key(text), first, last) for text in _dated(one, buckets)]
    found.append(Look(_key(_before_tax(one, taxed=not one.net_minor)), first, last))
    for there in _misread(one.issued_on, first, last):
        found += [Look(_key(text), there, there) for text in _dated(one, (bucket(one.gross_minor),))]
    found += [Look(_key(text), *_ALWAYS) for text in _numbered(one)]
    return tuple(found)


def _misread(day: date, first: int, last: int) -> Iterator[int]:
    """The day that is read when day and month are taken for each other, where it is not looked at anyway."""
    other = swapped(day)
    if other is not None and not first <= other.toordinal() <= last:
        yield other.toordinal()


def bucket(minor: int) -> int:
    """The bucket of an amount in minor units: its length and first two digits. Larger amounts, larger buckets, and no
    gap between two that follow each other."""
    digits = str(abs(minor))
    number = 90 * max(len(digits), 2) + int(digits[:2])
    return number if minor >= 0 else -number


def _dated(one: Fingerprint, buckets: Iterable[int]) -> list[str]:
    """What is only looked for near its date: one payee, and nearly one amount."""
    payees = [f"supplier\x1f{one.supplier_id}"]
    if one.account:
        payees.append(f"account\x1f{one.account}")
    if one.parent:
        payees.append(f"supplier\x1f{one.parent}")
    return [f"{payee}\x1f{one.currency}\x1f{number}" for payee in payees for number in buckets]


def _before_tax(one: Fingerprint, *, taxed: bool) -> str:
    """What is looked for near its date: the same total before tax, of what has tax or of what has none. An invoice is
    kept under the one that it is and looked for under the other, so nothing is found here that has the same gross."""
    return (
        f"{'net' if taxed else 'untaxed'}\x1f{one.supplier_id}\x1f{one.currency}\x1f{one.net_minor or one.gross_minor}"
    )


def _numbered(one: Fingerprint) -> Iterator[str]:
    """What is looked for whatever its date: one number, of the supplier or with the amount."""
    if one.number:
        yield f"number\x1f{one.supplier_id}\x1f{one.number}"
        yield f"total\x1f{one.number}\x1f{one.currency}\x1f{one.gross_minor}"


@lru_cache(maxsize=16384)
def _key(text: str) -> int:
    """A document is looked for and kept several times on its way through a unit of work, under the same keys."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


class Index:
    """Fingerprints in memory, found by the same keys as in the store: for a batch, for tests, for a file."""

    def __init__(self, known: Iterable[Fingerprint] = ()) -> None:
        self._kept: dict[str, Fingerprint] = {}
        self._by_key: dict[int, dict[str, Fingerprint]] = {}
        for one in known:
            self.add(one)

    def add(self, one: Fingerprint) -> None:
        """Keep it; in place of what was kept of the same invoice."""
        self.put(one, keys_of(one))

    def put(self, one: Fingerprint, keys: Iterable[int]) -> None:
        """As :meth:`add`, when its keys are known already."""
        before = self._kept.get(one.invoice_id)
        for key in keys_of(before) if before else ():
            del self._by_key[key][one.invoice_id]
        self._kept[one.invoice_id] = one
        for key in keys:
            self._by_key.setdefault(key, {})[one.invoice_id] = one

    def get(self, invoice_id: str) -> Fingerprint | None:
        """What is kept of an invoice."""
        return self._kept.get(invoice_id)

    def under(self, places: Iterable[Look]) -> dict[str, Fingerprint]:
        """What is found there, by invoice."""
        found: dict[str, Fingerprint] = {}
        for look in places:
            if here := self._by_key.get(look.key):
                found.update(
                    (name, one) for name, one in here.items() if look.first <= one.issued_on.toordinal() <= look.last
                )
        return found


def related(one: Fingerprint, known: Index, rules: DuplicateRules | None = None) -> tuple[Fingerprint, ...]:
    """Everything known that is worth comparing with this invoice, itself left out, in the order of arrival."""
    found = known.under(looks(one, rules or DuplicateRules()))
    found.pop(one.invoice_id, None)
    return tuple(sorted(found.values(), key=lambda other: (other.received_at, other.invoice_id)))
