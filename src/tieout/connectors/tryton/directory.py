"""Who and what the ERP knows: companies, suppliers, accounts, items … found by code or name, and remembered.

Only what was found is remembered, so that something added in the ERP meanwhile is seen.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct

from tieout.connectors.tryton.client import TrytonClient, Values
from tieout.connectors.tryton.config import UNITS, TrytonConfig
from tieout.kernel.errors import ConfigError, TieoutError
from tieout.kernel.problem import Code, Problem
from tieout.model.identity import normal_tax_id


class UnfitError(TieoutError):
    """A document cannot be written into this ERP as it is; nothing was sent."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class Company(Struct, frozen=True):
    """A legal entity as Tryton holds it, with what nearly every document of it needs."""

    entity: str
    record_id: int
    party: int
    currency: str
    payable_account: int
    expense_account: int
    expense_journal: int

    @property
    def context(self) -> Values:
        """What calls about this company say."""
        return {"company": self.record_id}


class Party(Struct, frozen=True):
    """A supplier as Tryton holds it."""

    record_id: int
    address: int | None


class Unit(Struct, frozen=True):
    """A unit of measure; quantities have at most ``digits`` decimals."""

    record_id: int
    category: int
    digits: int


class Item(Struct, frozen=True):
    """An item with the unit it is bought in."""

    record_id: int
    unit: Unit


class Period(Struct, frozen=True):
    """An accounting period; ``name`` is ours (2026-05), taken from its first day."""

    record_id: int
    name: str
    state: str
    first_day: date
    last_day: date


class PaymentJournal(Struct, frozen=True):
    """Through which payments of a company in a currency go, and the account they wait in for the bank."""

    record_id: int
    clearing_account: int


class Directory:
    """Look-ups in one database, each asked once."""

    def __init__(self, client: TrytonClient, config: TrytonConfig) -> None:
        self._client = client
        self._config = config
        self._known: dict[tuple[object, ...], Any] = {}

    # ── companies and the books ─────────────────────────────────────────────────────────────────────────────────

    def company(self, entity: str) -> Company:
        """The company of a legal entity. Raises ``ConfigError`` when the ERP has none of that name."""
        key = ("company", entity)
        if key not in self._known:
            self._known[key] = self._find_company(entity)
        company: Company = self._known[key]
        return company

    def _find_company(self, entity: str) -> Company:
        name = self._config.companies.get(entity)
        if name is None:
            raise ConfigError(f"tryton: no company is configured for entity {entity!r}; add it to `companies`")
        rows = self._client.search_read(
            "company.company", [("party.name", "=", name)], ["party", "currency.code"], limit=2
        )
        if len(rows) != 1:
            raise ConfigError(f"tryton: {len(rows) or 'no'} companies are called {name!r} (entity {entity})")
        context = {"company": rows[0]["id"]}
        defaults = self._client.read(
            "account.configuration",
            [1],
            ["default_account_payable", "default_category_account_expense"],
            context=context,
        )[0]
        journals = self._client.search("account.journal", [("type", "=", "expense")], limit=1)
        payable, expense = defaults["default_account_payable"], defaults["default_category_account_expense"]
        if not (payable and expense and journals):
            raise ConfigError(
                f"tryton: company {name!r} lacks a default payable account, expense account or expense journal"
            )
        return Company(
            entity, rows[0]["id"], rows[0]["party"], rows[0]["currency."]["code"], payable, expense, *journals
        )

    def entity_of_company(self, record_id: int) -> str:
        """The legal entity of a company, or an empty text for companies that are none of ours."""
        return next((entity for entity in self._config.companies if self.company(entity).record_id == record_id), "")

    def account(self, company: Company, name: str) -> int:
        """An account by the name our configuration gives it, or by its own code."""
        names = self._config.accounts
        code = names.get(f"{company.entity}/{name}", names.get(name, name))
        domain = [("company", "=", company.record_id), ("code", "=", code), ("type", "!=", None)]
        found = self._one("account.account", domain, "account", company.entity, code)
        if found is None:
            raise UnfitError(
                Problem(
                    Code.CODING_REFUSED,
                    where="account",
                    actual=code,
                    detail=f"{company.entity} has no such account in the ERP",
                )
            )
        return found

    def tax(self, company: Company, rate: Decimal) -> int:
        """The purchase tax of a company with this percentage."""
        domain = [
            ("company", "=", company.record_id),
            ("parent", "=", None),
            ("type", "=", "percentage"),
            ("rate", "=", rate / 100),
            ["OR", ("group", "=", None), ("group.kind", "in", ["purchase", "both"])],
        ]
        found = self._one("account.tax", domain, "tax", company.entity, rate.normalize())
        if found is None:
            raise UnfitError(
                Problem(
                    Code.CODING_REFUSED, where="tax_rate", actual=f"{rate} %", detail="the ERP has no tax of this rate"
                )
            )
        return found

    def period(self, company: Company, day: date) -> Period | None:
        """The standard period a day lies in. Asked anew each time: periods are closed and opened again."""
        rows = self._client.search_read(
            "account.period",
            [
                ("fiscalyear.company", "=", company.record_id),
                ("type", "=", "standard"),
                ("start_date", "<=", day),
                ("end_date", ">=", day),
            ],
            PERIOD_FIELDS,
            limit=1,
            context=company.context,
        )
        return to_period(rows[0]) if rows else None

    def has_open_period(self, company: Company, day: date) -> bool:
        """Whether something can be booked on a day."""
        period = self.period(company, day)
        return period is not None and period.state == "open"

    def open_period(self, company: Company, day: date, where: str) -> Period:
        """The open period of a day; ``where`` is the field that names the day. Raises ``UnfitError`` otherwise."""
        period = self.period(company, day)
        if period is None or period.state != "open":
            detail = f"period {period.name} is {period.state}" if period else "the ERP has no period for this day"
            raise UnfitError(Problem(Code.PERIOD_NOT_OPEN, where=where, actual=day.isoformat(), detail=detail))
        return period

    def general_journal(self) -> int:
        """The journal that journal entries are posted in."""
        code = self._config.general_journal
        found = self._one("account.journal", [("code", "=", code)], "journal", code)
        if found is None:
            raise ConfigError(f"tryton: there is no journal with code {code!r}; correct `general_journal`")
        return found

    # ── money ───────────────────────────────────────────────────────────────────────────────────────────────────

    def currency(self, code: str) -> int:
        """A currency by its ISO code."""
        found = self._one("currency.currency", [("code", "=", code)], "currency", code)
        if found is None:
            raise UnfitError(Problem(Code.CURRENCY_MISMATCH, actual=code, detail="the ERP does not know this currency"))
        return found

    def payment_journal(self, company: Company, currency: str) -> PaymentJournal:
        """The payment journal of a company and currency. Raises ``ConfigError`` when it has no clearing account."""
        key = ("payment_journal", company.entity, currency)
        if key not in self._known:
            rows = self._client.search_read(
                "account.payment.journal",
                [
                    ("company", "=", company.record_id),
                    ("currency.code", "=", currency),
                    ("process_method", "=", "manual"),
                    ("clearing_account", "!=", None),
                ],
                ["clearing_account"],
                limit=1,
            )
            if not rows:
                raise ConfigError(
                    f"tryton: {company.entity} has no {currency} payment journal with a clearing account and manual "
                    "processing; create one (tieout writes the payment file itself)"
                )
            self._known[key] = PaymentJournal(rows[0]["id"], rows[0]["clearing_account"])
        journal: PaymentJournal = self._known[key]
        return journal

    def statement_journal(self, company: Company, iban: str) -> int:
        """The statement journal of one of our own bank accounts."""
        domain = [
            ("company", "=", company.record_id),
            ("bank_account.numbers.number_compact", "=", iban.replace(" ", "")),
        ]
        found = self._one("account.statement.journal", domain, "statement_journal", company.entity, iban)
        if found is None:
            raise ConfigError(f"tryton: {company.entity} has no statement journal for its bank account {iban}")
        return found

    # ── suppliers ───────────────────────────────────────────────────────────────────────────────────────────────

    def party(self, supplier_id: str, tax_id: str = "") -> Party:
        """A supplier by the id we left in the ERP, or by its tax registration."""
        party = self.find_party(supplier_id, tax_id)
        if party is None:
            raise UnfitError(
                Problem(Code.UNKNOWN_SUPPLIER, actual=supplier_id, detail="the ERP does not hold this supplier")
            )
        return party

    def find_party(self, supplier_id: str, tax_id: str = "") -> Party | None:
        """The same, or ``None``."""
        key = ("party", supplier_id)
        if key not in self._known:
            self.learn_parties([supplier_id])
        if key not in self._known and tax_id:
            domain = [("identifiers.code_compact", "in", spellings(tax_id))]
            rows = self._client.search_read("party.party", domain, ["addresses"], limit=2)
            if len(rows) > 1:
                problem = Problem(Code.BAD_TAX_ID, actual=tax_id, detail="two parties in the ERP have this tax id")
                raise UnfitError(problem)
            for row in rows:
                self._known[key] = _to_party(row)
        party: Party | None = self._known.get(key)
        return party

    def learn_parties(self, supplier_ids: Iterable[str]) -> None:
        """Look up many suppliers at once."""
        wanted = sorted({name for name in supplier_ids if ("party", name) not in self._known})
        if not wanted:
            return
        rows = self._client.search_read(
            "party.identifier", [("type", "=", None), ("code", "in", wanted)], ["code", "party"]
        )
        parties = self._client.read("party.party", [row["party"] for row in rows], ["addresses"])
        by_id = {party["id"]: _to_party(party) for party in parties}
        for row in rows:
            self._known["party", row["code"]] = by_id[row["party"]]

    def forget_party(self, supplier_id: str) -> None:
        """Ask again next time (its address may be another record now)."""
        self._known.pop(("party", supplier_id), None)

    def country(self, code: str) -> int | None:
        """A country by its ISO code, or ``None``."""
        return self._one("country.country", [("code", "=", code)], "country", code) if code else None

    # ── items ───────────────────────────────────────────────────────────────────────────────────────────────────

    def unit(self, code: str) -> Unit | None:
        """A unit of measure, or ``None`` when the ERP has none like it."""
        key = ("unit", code)
        if key not in self._known:
            symbol = (UNITS | self._config.units).get(code.upper(), code)
            rows = self._client.search_read("product.uom", [("symbol", "=", symbol)], ["category", "digits"], limit=1)
            if not rows:
                return None
            self._known[key] = Unit(rows[0]["id"], rows[0]["category"], rows[0]["digits"])
        unit: Unit = self._known[key]
        return unit

    def item(self, code: str, unit: str) -> Item | None:
        """What an order line of this item and unit is an order of, in this very unit; ``None`` for free text.

        The item of that code, or the one configured for the unit, or the one for everything else; whichever can be
        bought in the unit. A unit that the ERP does not have counts as the item's own.
        """
        items, wanted = self._config.items, self.unit(unit)
        for name in (code, items.get(unit.upper(), ""), items.get("", "")):
            item = self._item(name)
            if item is not None and (wanted is None or wanted.category == item.unit.category):
                return Item(item.record_id, wanted or item.unit)
        return None

    def _item(self, code: str) -> Item | None:
        key = ("item", code)
        if code and key not in self._known:
            rows = self._client.search_read(
                "product.product",
                [("code", "=", code), ("template.purchasable", "=", True)],
                ["purchase_uom.category", "purchase_uom.digits"],
                limit=1,
            )
            if rows:
                unit = rows[0]["purchase_uom."]
                self._known[key] = Item(rows[0]["id"], Unit(unit["id"], unit["category"], unit["digits"]))
        item: Item | None = self._known.get(key)
        return item

    def warehouse(self) -> Values:
        """Where goods arrive: the first warehouse, with its input and storage locations."""
        key = ("warehouse",)
        if key not in self._known:
            rows = self._client.search_read(
                "stock.location",
                [("type", "=", "warehouse")],
                ["input_location", "storage_location"],
                limit=1,
                order=[("id", "ASC")],
            )
            if not rows:
                raise ConfigError("tryton: there is no warehouse")
            self._known[key] = rows[0]
        warehouse: Values = self._known[key]
        return warehouse

    def supplier_location(self) -> int:
        """Where goods come from."""
        found = self._one("stock.location", [("type", "=", "supplier")], "supplier_location")
        if found is None:
            raise ConfigError("tryton: there is no supplier location")
        return found

    def _one(self, model: str, domain: Sequence[Any], *name: object) -> int | None:
        """The id of the first record that satisfies the domain, remembered under a name."""
        key = (model, *name)
        if key not in self._known:
            ids = self._client.search(model, domain, limit=1)
            if not ids:
                return None
            self._known[key] = ids[0]
        found: int = self._known[key]
        return found


PERIOD_FIELDS = ("start_date", "end_date", "state")


def to_period(row: Values) -> Period:
    """A period out of :data:`PERIOD_FIELDS`."""
    first_day: date = row["start_date"]
    return Period(row["id"], f"{first_day:%Y-%m}", row["state"], first_day, row["end_date"])


def spellings(tax_id: str) -> list[str]:
    """How an ERP may have written down a tax id: with and without the country in front."""
    plain = normal_tax_id(tax_id)
    return [plain, plain[2:]] if plain[:2].isalpha() else [plain]


def _to_party(row: Values) -> Party:
    addresses = row["addresses"]
    return Party(row["id"], addresses[0] if addresses else None)
