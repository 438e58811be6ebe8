"""The fingerprints of one unit of work: found in the store in one question for all, seen together with those of the
batch itself, and written at its end."""

from collections.abc import Iterable, Sequence

import msgspec

from tieout.engine.stores.port import Store, Unit
from tieout.engine.stores.rows import FingerprintRow, LookRow
from tieout.matching.duplicates import Fingerprint, Index, Look, keys_of, looks
from tieout.policy.duplicates import DuplicateRules

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Fingerprint).decode


def fingerprint_row(one: Fingerprint, partition: int) -> FingerprintRow:
    """A fingerprint as it is kept."""
    return FingerprintRow(one.invoice_id, partition, _ENCODE(one), one.issued_on.toordinal(), keys_of(one))


def recorded(store: Store) -> Index:
    """All fingerprints that a store keeps, in memory."""
    return Index(_DECODE(row["data"]) for row in store.read_table("fingerprint", None))


class Fingerprints:
    """What a batch knows of fingerprints."""

    def __init__(self, unit: Unit, rules: DuplicateRules) -> None:
        self._unit = unit
        self._rules = rules
        self._asked: dict[str, tuple[tuple[Look, ...], tuple[Fingerprint, ...]]] = {}
        self._new = Index()
        self._rows: dict[str, FingerprintRow] = {}

    def ask(self, wanted: Iterable[Fingerprint]) -> None:
        """Look for what is like all of these, in one go."""
        places = {one.invoice_id: looks(one, self._rules) for one in wanted}
        if places:
            found = self._unit.similar(_questions(places))
            for asker, under in places.items():
                self._asked[asker] = under, tuple(map(_DECODE, found.get(asker, ())))

    def similar(self, one: Fingerprint) -> tuple[Fingerprint, ...]:
        """What is like this one: as committed, and in place of that what this batch has made of other documents."""
        places = looks(one, self._rules)
        asked = self._asked.get(one.invoice_id)
        if asked is None or asked[0] != places:
            self.ask((one,))
            asked = self._asked[one.invoice_id]
        found = {other.invoice_id: other for other in asked[1]}
        mine = found.pop(one.invoice_id, None)
        found = {name: self._new.get(name) or other for name, other in found.items()} | self._new.under(places)
        found.pop(one.invoice_id, None)
        return (*((mine,) if mine is not None else ()), *found.values())

    def keep(self, one: Fingerprint, partition: int) -> None:
        """A fingerprint is new, or has changed."""
        self._new.add(one)
        self._rows[one.invoice_id] = fingerprint_row(one, partition)

    def write(self) -> None:
        """Write what has changed."""
        if self._rows:
            self._unit.put_fingerprints(list(self._rows.values()))


def _questions(places: dict[str, tuple[Look, ...]]) -> Sequence[LookRow]:
    return [LookRow(asker, look.key, look.first, look.last) for asker, under in places.items() for look in under]
