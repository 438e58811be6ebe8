"""The fingerprints of one unit of work: found in the store in one question for all, seen together with those of the
batch itself, and written at its end."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from tieout.engine.stores.port import Unit
from tieout.engine.stores.rows import FingerprintRow, LookRow
from tieout.matching.duplicates import Fingerprint, Index, Look, keys_of, looks
from tieout.policy.duplicates import DuplicateRules

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Fingerprint).decode


def fingerprint_row(one: Fingerprint, partition: int) -> FingerprintRow:
    """A fingerprint as it is kept."""
    return FingerprintRow(one.invoice_id, partition, _ENCODE(one), one.issued_on.toordinal(), keys_of(one))


class _Asked(Struct, frozen=True):
    """What was looked for, where, and what the store held there."""

    one: Fingerprint
    places: tuple[Look, ...]
    found: tuple[Fingerprint, ...]


class Fingerprints:
    """What a batch knows of fingerprints."""

    def __init__(self, unit: Unit, rules: DuplicateRules) -> None:
        self._unit = unit
        self._rules = rules
        self._asked: dict[str, _Asked] = {}
        self._new = Index()
        self._rows: dict[str, FingerprintRow] = {}

    def ask(self, wanted: Iterable[Fingerprint]) -> None:
        """Look for what is like all of these, in one go."""
        asked = {one.invoice_id: (one, looks(one, self._rules)) for one in wanted}
        if asked:
            found = self._unit.similar(_questions(asked.values()))
            for name, (one, places) in asked.items():
                self._asked[name] = _Asked(one, places, tuple(map(_DECODE, found.get(name, ()))))

    def similar(self, one: Fingerprint) -> tuple[Fingerprint, ...]:
        """What is like this one: as committed, and in place of that what this batch has made of other documents."""
        asked = self._asked.get(one.invoice_id)
        if asked is None or asked.one != one:
            self.ask((one,))
            asked = self._asked[one.invoice_id]
        found = {other.invoice_id: other for other in asked.found}
        mine = found.pop(one.invoice_id, None)
        found = {name: self._new.get(name) or other for name, other in found.items()} | self._new.under(asked.places)
        found.pop(one.invoice_id, None)
        return (*((mine,) if mine is not None else ()), *found.values())

    def keep(self, one: Fingerprint, partition: int, before: Fingerprint | None = None) -> None:
        """A fingerprint is new, or has changed from what it was ``before``; only another payee makes other keys."""
        row, kept = fingerprint_row(one, partition), self._rows.get(one.invoice_id)
        had = set(kept.gone if kept else ())
        if before is not None and (before.account, before.parent) != (one.account, one.parent):
            had.update(keys_of(before))
        row.gone = tuple(sorted(had.difference(row.keys)))
        self._rows[one.invoice_id] = row
        self._new.put(one, row.keys)

    def write(self) -> None:
        """Write what has changed."""
        if self._rows:
            self._unit.put_fingerprints(list(self._rows.values()))


def _questions(asked: Iterable[tuple[Fingerprint, tuple[Look, ...]]]) -> Sequence[LookRow]:
    return [LookRow(one.invoice_id, look.key, look.first, look.last) for one, places in asked for look in places]
