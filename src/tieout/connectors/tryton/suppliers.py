"""Suppliers: one party with its tax registration, address and bank account. Only differences are written."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from tieout.connectors.tryton.client import AnswerLostError, RefusalError, Values
from tieout.connectors.tryton.directory import Party, UnfitError, spellings
from tieout.connectors.tryton.landing import Desk, reading_back, refused
from tieout.connectors.tryton.translate import (
    address_values,
    new_party,
    record_reference,
    supplier_mark,
    tax_identifier,
)
from tieout.kernel.errors import TransientError
from tieout.kernel.problem import Code
from tieout.model.documents import BankAccount, Supplier
from tieout.model.effects import UpsertSupplier
from tieout.ports import Absent, Applied, Effect, Finding, Refused, Result, Retry, Unknown

_MODEL = "party.party"
_FIELDS = ("name", "addresses", "identifiers.code", "identifiers.code_compact")
_ADDRESS_FIELDS = ("street_unstructured", "postal_code", "city", "country")


class _Change(Struct, frozen=True):
    """One write that brings the party nearer to what it should be."""

    method: str
    arguments: tuple[Any, ...]


class Suppliers:
    """``upsert_supplier``. Our supplier id is one of the party's identifiers.

    A bank account is never edited: another IBAN is another account, and the old one is archived with its history.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client = desk.client
        self._directory = desk.directory

    def apply(self, effects: Sequence[Effect]) -> dict[str, Result]:
        """One after the other."""
        return {effect.effect_id: self._apply_one(_supplier(effect)) for effect in effects}

    def probe(self, effect: Effect) -> Finding:
        """Whether nothing is left to change."""
        supplier = _supplier(effect)
        party = self._directory.find_party(supplier.supplier_id, supplier.tax_id)
        if party is None or self._changes(party, supplier):
            return Absent()
        return _applied(party)

    def _apply_one(self, supplier: Supplier) -> Result:
        self._directory.forget_party(supplier.supplier_id)
        try:
            party = self._directory.find_party(supplier.supplier_id, supplier.tax_id) or self._create(supplier)
            for change in self._changes(party, supplier):
                self._client.tell(change.method, *change.arguments)
            with reading_back():
                left = self._changes(party, supplier)
            self._directory.forget_party(supplier.supplier_id)
            return Unknown(reason=f"the ERP still differs: {left[0].method}") if left else _applied(party)
        except UnfitError as unfit:
            return Refused(problems=unfit.problems)
        except RefusalError as error:
            return refused(error, Code.EFFECT_REFUSED)
        except AnswerLostError as error:
            return Unknown(reason=str(error))
        except TransientError as error:
            return Retry(reason=str(error))

    def _create(self, supplier: Supplier) -> Party:
        country = self._directory.country(supplier.address.country)
        self._client.create(_MODEL, [new_party(supplier, country)])
        with reading_back():
            return self._directory.party(supplier.supplier_id)

    # ── differences ─────────────────────────────────────────────────────────────────────────────────────────────

    def _changes(self, party: Party, supplier: Supplier) -> list[_Change]:
        (row,) = self._client.read(_MODEL, [party.record_id], _FIELDS)
        changes = []
        if row["name"] != supplier.name:
            changes.append(_write(_MODEL, party.record_id, {"name": supplier.name}))
        changes += self._identifier_changes(party, supplier, row["identifiers."])
        changes += self._address_changes(party, row["addresses"], supplier)
        if supplier.bank_account is not None:
            changes += self._bank_changes(party, supplier.bank_account)
        return changes

    def _identifier_changes(self, party: Party, supplier: Supplier, held: Sequence[Values]) -> list[_Change]:
        codes = {identifier[spelling] for identifier in held for spelling in ("code", "code_compact")}
        missing = []
        if supplier.supplier_id not in codes:
            missing.append(supplier_mark(supplier.supplier_id))
        if supplier.tax_id and not codes & set(spellings(supplier.tax_id)):
            missing.append(tax_identifier(supplier.tax_id))
        return [_create("party.identifier", {"party": party.record_id, **values}) for values in missing]

    def _address_changes(self, party: Party, addresses: Sequence[int], supplier: Supplier) -> list[_Change]:
        wanted = address_values(supplier.address, self._directory.country(supplier.address.country))
        if not addresses:
            return [_create("party.address", {"party": party.record_id, **wanted})]
        held = self._client.read("party.address", addresses[:1], _ADDRESS_FIELDS)[0]
        if all((held[field] or None) == wanted[field] for field in _ADDRESS_FIELDS):
            return []
        return [_write("party.address", addresses[0], wanted)]

    def _bank_changes(self, party: Party, account: BankAccount) -> list[_Change]:
        """First the new account in, then the old ones out, so that the supplier is never without one."""
        iban = account.iban.replace(" ", "")
        holders = self._client.search_read("bank.account", [("numbers.number_compact", "=", iban)], ["owners"], limit=1)
        changes = []
        if not holders:
            changes.append(_create("bank.account", self._account_values(party, account, iban)))
        elif party.record_id not in holders[0]["owners"]:
            changes.append(_write("bank.account", holders[0]["id"], {"owners": [("add", [party.record_id])]}))
        outdated = self._client.search_read(
            "bank.account",
            [("owners", "=", party.record_id), ("numbers.number_compact", "!=", iban)],
            ["numbers.number_compact", "owners"],
        )
        changes += [
            _archive(row, party)
            for row in outdated
            if iban not in {number["number_compact"] for number in row["numbers."]}
        ]
        return changes

    def _account_values(self, party: Party, account: BankAccount, iban: str) -> Values:
        values: Values = {
            "owners": [("add", [party.record_id])],
            "numbers": [("create", [{"type": "iban", "number": iban}])],
        }
        if account.currency:
            values["currency"] = self._directory.currency(account.currency)
        return values


def _archive(row: Values, party: Party) -> _Change:
    """Take an account from a supplier; one that nobody else holds is archived as a whole."""
    if set(row["owners"]) == {party.record_id}:
        numbers = [number["id"] for number in row["numbers."]]
        return _write("bank.account", row["id"], {"active": False, "numbers": [("write", numbers, {"active": False})]})
    return _write("bank.account", row["id"], {"owners": [("remove", [party.record_id])]})


def _write(model: str, record_id: int, values: Values) -> _Change:
    return _Change(f"model.{model}.write", ([record_id], values))


def _create(model: str, values: Values) -> _Change:
    return _Change(f"model.{model}.create", ([values],))


def _supplier(effect: Effect) -> Supplier:
    assert isinstance(effect.payload, UpsertSupplier)
    return effect.payload.supplier


def _applied(party: Party) -> Applied:
    return Applied(reference=record_reference(_MODEL, party.record_id))
