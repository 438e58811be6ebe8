"""Sets up a group in an empty Tryton, over its network API, the way an implementation consultant would.

Two companies that share suppliers, items and units; each with a chart of accounts, a fiscal year of twelve
periods, VAT, a bank account, a payment journal with a clearing account and a statement journal. tieout finds all
of it again by code or name, so nothing here has to be handed on but the names of the companies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from tieout.connectors.tryton.client import TrytonClient

Progress = Callable[[str], None]
Values = dict[str, Any]

MODULES = (
    "account",
    "account_invoice",
    "account_invoice_line_standalone",
    "account_invoice_stock",
    "account_payment",
    "account_payment_clearing",
    "account_product",
    "account_statement",
    "bank",
    "company",
    "purchase",
    "stock",
)


@dataclass(frozen=True, slots=True)
class CompanySpec:
    """One legal entity of the rehearsal group."""

    entity: str
    name: str
    currency: str
    country: str
    vat_type: str
    vat_number: str
    vat_name: str
    vat_rate: Decimal
    street: str
    postal_code: str
    town: str
    bank: str
    bic: str
    iban: str


DE01 = CompanySpec(
    entity="DE01",
    name="Northwind Handels GmbH",
    currency="EUR",
    country="DE",
    vat_type="de_vat",
    vat_number="DE136695976",
    vat_name="VAT 19 %",
    vat_rate=Decimal("0.19"),
    street="Hafenstraße 1",
    postal_code="20457",
    town="Hamburg",
    bank="Rehearsal Bank Hamburg",
    bic="COBADEFFXXX",
    iban="DE89370400440532013000",
)
GB01 = CompanySpec(
    entity="GB01",
    name="Northwind Trading Ltd",
    currency="GBP",
    country="GB",
    vat_type="gb_vat",
    vat_number="GB980780684",
    vat_name="VAT 20 %",
    vat_rate=Decimal("0.20"),
    street="1 Dock Road",
    postal_code="E16 1AH",
    town="London",
    bank="Rehearsal Bank London",
    bic="NWBKGB2LXXX",
    iban="GB29NWBK60161331926819",
)
GROUP = (DE01, GB01)

#: Accounts beyond the chart's own. The type is that of the chart account named last.
OWN_ACCOUNTS = {
    "bank_suspense": ("1.1.8", "Bank suspense", "1.1.1"),
    "payment_clearing": ("1.1.9", "Payments in transit", "1.1.1"),
    "input_vat": ("1.4.9", "Input VAT", "6.3.0"),
    "accrued_liabilities": ("2.2.9", "Goods received, not invoiced", "2.3.0"),
    "bank_charges": ("5.1.9", "Bank charges", "5.1.3"),
}
#: The accounts tieout posts to, by the names that its policy and the connector use.
ACCOUNTS = {
    "expense": "5.1.1",
    "accrued_liabilities": OWN_ACCOUNTS["accrued_liabilities"][0],
    "bank_suspense": OWN_ACCOUNTS["bank_suspense"][0],
    "input_tax": OWN_ACCOUNTS["input_vat"][0],
}
#: The items that orders take when the ERP does not know theirs, by unit.
ITEMS = {"": "GOODS", "KGM": "GOODS-KG", "KG": "GOODS-KG", "HUR": "SERVICE", "H": "SERVICE"}
#: Accounts that carry open items which clear each other.
_RECONCILED = frozenset({"bank_suspense", "payment_clearing", "accrued_liabilities"})

_CURRENCIES = {
    # code: (name, symbol, ISO number, digits, rate on 1 January)
    "EUR": ("Euro", "€", "978", 2, "1"),
    "GBP": ("Pound sterling", "£", "826", 2, "0.87"),
    "USD": ("US dollar", "$", "840", 2, "1.16"),
}
_COUNTRIES = {
    "AT": "Austria",
    "BE": "Belgium",
    "CH": "Switzerland",
    "CZ": "Czechia",
    "DE": "Germany",
    "DK": "Denmark",
    "ES": "Spain",
    "FR": "France",
    "GB": "United Kingdom",
    "IE": "Ireland",
    "IT": "Italy",
    "NL": "Netherlands",
    "PL": "Poland",
    "SE": "Sweden",
    "US": "United States",
}
#: (code, name, Tryton's unit, goods or service, list price); the first of a unit takes what has no item of its own.
_ITEMS = (
    ("GOODS", "Goods", "uom_unit", "goods", "10"),
    ("GOODS-KG", "Goods by weight", "uom_kilogram", "goods", "2"),
    ("SERVICE", "Services by the hour", "uom_hour", "goods", "95"),
    ("W-100", "Widget 100 mm", "uom_unit", "goods", "12.50"),
    ("W-200", "Widget 200 mm", "uom_unit", "goods", "19.90"),
    ("STEEL-S235", "Steel S235", "uom_kilogram", "goods", "1.1250"),
)
_INVOICE_KINDS = ("in_invoice", "out_invoice", "in_credit_note", "out_credit_note")
#: The one chart of accounts that comes with the bare modules.
_CHART = "account_template_root_en"
#: A person who works in the ERP by hand. tieout's own changes are nobody's surprise; this one's are.
CLERK = "clerk"


def seed_group(client: TrytonClient, year: int, password: str, on_progress: Progress) -> None:
    """Set the whole group up in an empty database."""
    on_progress("currencies, countries, units")
    currencies = _create_currencies(client, year)
    countries = _create_countries(client)
    _create_payment_terms(client)
    category = client.create("product.category", [{"name": "Purchased", "accounting": True}])[0]
    for spec in GROUP:
        on_progress(f"company {spec.entity} {spec.name}")
        _Company(client, spec, currencies[spec.currency], countries[spec.country]).create(year, category)
    on_progress("items")
    _create_items(client, category)
    on_progress("a clerk who works in the ERP by hand")
    _create_clerk(client, password)


def _create_currencies(client: TrytonClient, year: int) -> dict[str, int]:
    day = date(year, 1, 1)
    ids = client.create(
        "currency.currency",
        [
            {
                "code": code,
                "name": name,
                "symbol": symbol,
                "numeric_code": number,
                "digits": digits,
                "rounding": Decimal(1).scaleb(-digits),
                "rates": [("create", [{"date": day, "rate": Decimal(rate)}])],
            }
            for code, (name, symbol, number, digits, rate) in _CURRENCIES.items()
        ],
    )
    return dict(zip(_CURRENCIES, ids, strict=True))


def _create_countries(client: TrytonClient) -> dict[str, int]:
    ids = client.create("country.country", [{"code": code, "name": name} for code, name in _COUNTRIES.items()])
    return dict(zip(_COUNTRIES, ids, strict=True))


def _create_payment_terms(client: TrytonClient) -> None:
    client.create(
        "account.invoice.payment_term",
        [
            {
                "name": f"{days} days net",
                "lines": [("create", [{"type": "remainder", "relativedeltas": [("create", [{"days": days}])]}])],
            }
            for days in (10, 14, 30, 45, 60, 90)
        ],
    )


def _create_items(client: TrytonClient, category: int) -> None:
    units = {name: _by_xml_id(client, "product", name) for name in {item[2] for item in _ITEMS}}
    client.create(
        "product.template",
        [
            {
                "code": code,
                "name": name,
                "type": kind,
                "default_uom": units[unit],
                "purchase_uom": units[unit],
                "purchasable": True,
                "account_category": category,
                "list_price": Decimal(price),
                "cost_price_method": "fixed",
                "products": [("create", [{}])],
            }
            for code, name, unit, kind, price in _ITEMS
        ],
    )


def _create_clerk(client: TrytonClient, password: str) -> None:
    """Another user with all rights but the administrator's."""
    groups = client.search("res.group", [("name", "!=", "Administration")])
    client.create(
        "res.user",
        [
            {
                "name": "Clerk",
                "login": CLERK,
                "email": f"{CLERK}@northwind.example",
                "password": password,
                "groups": [("add", groups)],
                "companies": [("add", client.search("company.company", []))],
                "company": client.search("company.company", [], limit=1)[0],
                "company_filter": "all",
            }
        ],
    )


def _by_xml_id(client: TrytonClient, module: str, name: str) -> int:
    """The id of a record that a module brought along."""
    record_id: int = client.ask("model.ir.model.data.get_id", f"{module}.{name}")
    return record_id


class _Company:
    """Sets one company up, step by step; what later steps need is kept on the way."""

    def __init__(self, client: TrytonClient, spec: CompanySpec, currency: int, country: int) -> None:
        self._client = client
        self._spec = spec
        self._currency = currency
        self._country = country
        self._party = 0
        self._company = 0
        self._accounts: dict[str, int] = {}

    def create(self, year: int, category: int) -> None:
        """All of it."""
        self._create_company()
        self._create_chart()
        self._create_own_accounts()
        for one in (year, year + 1):  # the month that is closed in January lies in the year before
            self._create_fiscal_year(one)
        vat = self._create_vat()
        self._set_accounting(category, vat)
        self._create_bank()

    @property
    def _context(self) -> Values:
        return {"company": self._company}

    def _create_company(self) -> None:
        spec, client = self._spec, self._client
        address = {
            "street_unstructured": spec.street,
            "postal_code": spec.postal_code,
            "city": spec.town,
            "country": self._country,
        }
        identifier = {"type": spec.vat_type, "code": spec.vat_number}
        self._party, clerk = client.create(
            "party.party",
            [
                {
                    "name": spec.name,
                    "addresses": [("create", [address])],
                    "identifiers": [("create", [identifier])],
                },
                {"name": f"tieout ({spec.entity})"},
            ],
        )
        company = {"party": self._party, "currency": self._currency, "timezone": "UTC"}
        self._company = client.create("company.company", [company])[0]
        me = [client.user_id]
        client.write(
            "res.user",
            me,
            {
                "companies": [("add", [self._company])],
                "company": self._company,
                "company_filter": "all",
                "employee": None,
            },
        )
        client.reload_context()
        employee = client.create("company.employee", [{"party": clerk, "company": self._company}])[0]
        client.write("res.user", me, {"employees": [("add", [employee])], "employee": employee})
        client.reload_context()

    def _create_chart(self) -> None:
        """The chart comes out of a wizard, which also sets the accounts that parties and items default to."""
        client = self._client
        template = _by_xml_id(client, "account", _CHART)
        name = "account.create_chart"
        session, *_ = client.tell(f"wizard.{name}.create", context=self._context)

        def step(state: str, form: Values) -> None:
            client.tell(f"wizard.{name}.execute", session, form, state, context=self._context)

        step("account", {})
        step("create_account", {"account": {"account_template": template, "company": self._company}})
        kinds = {kind: self._first_account(kind) for kind in ("receivable", "payable", "revenue", "expense")}
        step(
            "create_properties",
            {
                "properties": {
                    "company": self._company,
                    "account_receivable": kinds["receivable"],
                    "account_payable": kinds["payable"],
                    "category_account_expense": kinds["expense"],
                    "category_account_revenue": kinds["revenue"],
                }
            },
        )
        client.tell(f"wizard.{name}.delete", session, context=self._context)

    def _first_account(self, kind: str) -> int:
        domain = [(f"type.{kind}", "=", True), ("company", "=", self._company), ("closed", "!=", True)]
        rows = self._client.search_read("account.account", domain, ["code"], limit=1, order=[("code", "ASC")])
        account: int = rows[0]["id"]
        return account

    def _create_own_accounts(self) -> None:
        like = {code for _, _, code in OWN_ACCOUNTS.values()}
        rows = self._client.search_read(
            "account.account",
            [("company", "=", self._company), ("code", "in", sorted(like | {"5.1.1"}))],
            ["code", "type", "parent"],
        )
        by_code = {row["code"]: row for row in rows}
        ids = self._client.create(
            "account.account",
            [
                {
                    "code": code,
                    "name": name,
                    "type": by_code[model]["type"],
                    "parent": by_code[model]["parent"],
                    "company": self._company,
                    "reconcile": key in _RECONCILED,
                }
                for key, (code, name, model) in OWN_ACCOUNTS.items()
            ],
        )
        self._accounts = dict(zip(OWN_ACCOUNTS, ids, strict=True))
        self._accounts["bank"] = by_code["1.1.1"]["id"]
        self._accounts["expense"] = by_code["5.1.1"]["id"]

    def _create_fiscal_year(self, year: int) -> None:
        client = self._client
        move_type, invoice_type = (
            _by_xml_id(client, "account", "sequence_type_account_move"),
            _by_xml_id(client, "account_invoice", "sequence_type_account_invoice"),
        )
        sequences = client.create(
            "ir.sequence.strict",
            [
                {
                    "name": f"{self._spec.entity} {kind} {year}",
                    "sequence_type": move_type if kind == "move" else invoice_type,
                    "company": self._company,
                    "prefix": f"{prefix}{year % 100:02d}-",
                    "padding": 6,
                }
                for kind, prefix in zip(("move", *_INVOICE_KINDS), ("J", "ER", "AR", "EG", "AG"), strict=True)
            ],
        )
        move_sequence, *invoice_sequences = sequences
        numbers = {f"{kind}_sequence": number for kind, number in zip(_INVOICE_KINDS, invoice_sequences, strict=True)}
        fiscal_year = client.create(
            "account.fiscalyear",
            [
                {
                    "name": f"{self._spec.entity} {year}",
                    "start_date": date(year, 1, 1),
                    "end_date": date(year, 12, 31),
                    "company": self._company,
                    "move_sequence": move_sequence,
                    "invoice_sequences": [("create", [{"company": self._company, **numbers}])],
                }
            ],
        )[0]
        client.run_wizard(
            "account.fiscalyear.create_periods",
            [("create_periods", {"start": {"frequency": "monthly", "interval": 1, "end_day": 31}})],
            context={
                **self._context,
                "active_model": "account.fiscalyear",
                "active_id": fiscal_year,
                "active_ids": [fiscal_year],
            },
        )

    def _create_vat(self) -> int:
        account = self._accounts["input_vat"]
        return self._client.create(
            "account.tax",
            [
                {
                    "name": self._spec.vat_name,
                    "description": self._spec.vat_name,
                    "type": "percentage",
                    "rate": self._spec.vat_rate,
                    "company": self._company,
                    "invoice_account": account,
                    "credit_note_account": account,
                }
            ],
            context=self._context,
        )[0]

    def _set_accounting(self, category: int, vat: int) -> None:
        """Items of this category are expensed to "Merchandise, Material, Parts And Supplies", with VAT."""
        values = {"account_expense": self._accounts["expense"], "supplier_taxes": [("add", [vat])]}
        self._client.write("product.category", [category], values, context=self._context)

    def _create_bank(self) -> None:
        client, spec = self._client, self._spec
        bank_party = client.create("party.party", [{"name": spec.bank}])[0]
        bank = client.create("bank", [{"party": bank_party, "bic": spec.bic}])[0]
        account = client.create(
            "bank.account",
            [
                {
                    "bank": bank,
                    "owners": [("add", [self._party])],
                    "currency": self._currency,
                    "numbers": [("create", [{"type": "iban", "number": spec.iban}])],
                }
            ],
        )[0]
        journal = client.search("account.journal", [("code", "=", "STA")])[0]
        client.create(
            "account.payment.journal",
            [
                {
                    "name": f"{spec.entity} bank transfer",
                    "company": self._company,
                    "currency": self._currency,
                    "process_method": "manual",
                    "clearing_account": self._accounts["payment_clearing"],
                    "clearing_journal": journal,
                }
            ],
            context=self._context,
        )
        client.create(
            "account.statement.journal",
            [
                {
                    "name": f"{spec.entity} {spec.iban}",
                    "company": self._company,
                    "currency": self._currency,
                    "journal": journal,
                    "account": self._accounts["bank"],
                    "bank_account": account,
                    "validation": "balance",
                }
            ],
            context=self._context,
        )
