"""A company's year of honest invoices: five entities, suppliers with habits that look like duplicates and are not.

Everything comes from one seed. A *paper* is what a supplier sent; what the search sees is the invoice that was read
from it. The habits, and their shares of all invoices, are those of a purchase ledger: most suppliers bill now and then,
some bill from a price list (equal amounts within days), by round amounts, monthly the same (rent, subscriptions), many
on one day (tickets, telephone), in instalments, or split one delivery over several invoices.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from tieout_bench.duplicates.numbers import Series

YEAR = date(2026, 1, 1)
DAYS = 365
ENTITIES = {"DE01": "EUR", "FR01": "EUR", "NL01": "EUR", "UK01": "GBP", "US01": "USD"}
CHANNELS = {"mail": 55, "e-invoice": 25, "portal": 15, "keyed": 5}


@dataclass(frozen=True, slots=True)
class Record:
    """A supplier as one of our systems keeps it. Where it was entered twice the records differ in ``key``, by which it
    gets its group-level id, and mostly in the tax id. ``account`` is where the record says to pay."""

    key: str
    tax_id: str
    name: str
    account: str


@dataclass(frozen=True, slots=True)
class Vendor:
    """A supplier as it is: its record, a second one that somebody entered by mistake, and the account it is paid on."""

    record: Record
    twin: Record | None
    account: str
    currency: str
    entities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """One document of a supplier. ``habit`` says why it was written; ``series`` papers share a number. ``text`` is what
    its line says, ``order`` the order and line that it names."""

    vendor: Vendor
    habit: str
    entity: str
    issued_on: date
    net_minor: int
    tax_percent: int = 19
    number: str = ""
    suffix: str = ""
    series: int = 0
    credit: bool = False
    credits_number: str = ""
    text: str = ""
    order: str = ""


Habit = Callable[[Random, Vendor], Iterator[Paper]]


def papers(chance: Random, count: int) -> Iterator[Paper]:
    """About so many honest papers, supplier by supplier."""
    vendors = _Vendors(chance)
    for habit, share in HABITS.items():
        left = count * share // 1000
        while left > 0:
            of_one = _numbered(chance, sorted(habit(chance, vendors.next()), key=lambda paper: paper.issued_on))
            for paper in of_one:
                yield under_twin(paper) if paper.vendor.twin and chance.random() < 0.2 else paper
            left -= len(of_one)


# ── suppliers ──────────────────────────────────────────────────────────────────────────────────────────────────────

_NAMES = ("Muller", "Dupont", "Jansen", "Smith", "Rossi", "Novak", "Garcia", "Weber", "Bakker", "Laurent", "Baker")
_TRADES = ("Logistik", "Services", "Technik", "Papier", "Facility", "Consulting", "Druck", "Energie", "Transport")
_FORMS = ("GmbH", "SARL", "B.V.", "Ltd", "AG", "SAS", "Inc.")


class _Vendors:
    """New suppliers, one after the other; some share an account: with a factor, or with their sisters."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._count = 0
        self._shared = [self._account() for _ in range(25)]

    def next(self) -> Vendor:
        chance = self._chance
        self._count += 1
        number = self._count
        name = f"{chance.choice(_NAMES)} {chance.choice(_TRADES)} {number % 97} {chance.choice(_FORMS)}"
        tax_id = f"DE{100_000_000 + 7 * number}"
        account = chance.choice(self._shared) if chance.random() < 0.04 else self._account()
        currency = chance.choices(("EUR", "GBP", "USD"), (70, 15, 15))[0]
        homes = [entity for entity, its in ENTITIES.items() if its == currency]
        several = len(homes) > 1 and chance.random() < 0.35
        return Vendor(
            record=Record(tax_id, tax_id, name, account),
            twin=self._twin(number, tax_id, name, account) if chance.random() < 0.04 else None,
            account=account,
            currency=currency,
            entities=tuple(chance.sample(homes, 2)) if several else (chance.choice(homes),),
        )

    def _account(self) -> str:
        return f"DE{self._chance.randrange(10, 98)}{self._chance.randrange(10**17, 10**18)}"

    def _twin(self, number: int, tax_id: str, name: str, account: str) -> Record:
        """A second record of it: under its local registration, or under the same tax id and another name. One of four
        says nothing about the account."""
        known = account if self._chance.random() < 0.75 else ""
        if self._chance.random() < 0.3:
            return Record(f"V{number:06d}", tax_id, name.upper(), known)
        local = f"HRB{40_000 + number}"
        return Record(local, local, name.replace(" GmbH", "").replace(" Ltd", " Limited"), known)


def under_twin(paper: Paper) -> Paper:
    """The same paper, entered under the other record of its supplier."""
    vendor = paper.vendor
    assert vendor.twin is not None
    return replace(paper, vendor=replace(vendor, record=vendor.twin, twin=vendor.record))


def _numbered(chance: Random, of_one: list[Paper]) -> list[Paper]:
    """The papers of one supplier with their numbers. Who writes no numbers has a habit that says so."""
    series, by_series, numbered = Series(chance), dict[int, str](), list[Paper]()
    for paper in of_one:
        if paper.habit == "without number":
            numbered.append(paper)
            continue
        number = by_series.get(paper.series, "") if paper.series else ""
        number = number or series.next(paper.issued_on.month)
        if paper.series:
            by_series[paper.series] = number
        numbered.append(replace(paper, number=number + paper.suffix))
    return list(_corrected(chance, numbered, series))


def _corrected(chance: Random, of_one: list[Paper], series: Series) -> Iterator[Paper]:
    """Of a hundred papers one or two are wrong: credited, and written again with the same or a corrected amount."""
    for paper in of_one:
        yield paper
        if not paper.number or paper.suffix or chance.random() > 0.012:
            continue
        day = paper.issued_on + timedelta(days=chance.randrange(2, 26))
        told = paper.number if chance.random() < 0.8 else ""
        credit = replace(paper, habit="credit note", issued_on=day, credit=True, credits_number=told)
        yield replace(credit, number=series.next(day.month))
        amount = paper.net_minor if chance.random() < 0.6 else paper.net_minor * chance.randrange(80, 120) // 100
        again = paper.number + chance.choice(("-K", "A", "/1", "-R")) if chance.random() < 0.3 else ""
        number = again or series.next(day.month)
        yield replace(paper, habit="written again", issued_on=day, net_minor=amount, number=number)


# ── habits ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _day(chance: Random) -> date:
    return YEAR + timedelta(days=chance.randrange(DAYS))


def _how_many(chance: Random, usual: int) -> int:
    """Few suppliers write most invoices."""
    return max(1, min(int(usual * chance.paretovariate(1.2)), usual * 60))


def _amount(chance: Random, usual_minor: int) -> int:
    return max(500, int(chance.lognormvariate(0, 1) * usual_minor))


class _Basis:
    """Which order a supplier's papers name: none, one that stands for the whole year, or a new one each time."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._kind = chance.choices(("none", "standing", "new"), (45, 15, 40))[0]
        self._standing = f"PO{chance.randrange(10**5, 10**6)}/10"

    def next(self) -> str:
        if self._kind == "new":
            return f"PO{self._chance.randrange(10**5, 10**7)}/{self._chance.randrange(1, 6)}0"
        return self._standing if self._kind == "standing" else ""


def _now_and_then(chance: Random, vendor: Vendor) -> Iterator[Paper]:
    usual, basis = chance.choice((8_000, 30_000, 120_000, 600_000)), _Basis(chance)
    telling = chance.random() < 0.6
    for _ in range(_how_many(chance, 6)):
        text = f"Delivery note {chance.randrange(10**4, 10**6)}" if telling else "As ordered"
        net, order = _amount(chance, usual), basis.next()
        entity = chance.choice(vendor.entities)
        yield Paper(vendor, "now and then", entity, _day(chance), net, text=text, order=order)


def _round_amounts(chance: Random, vendor: Vendor) -> Iterator[Paper]:
    rate, basis = chance.choice((50_00, 100_00, 250_00, 950_00)), _Basis(chance)
    telling = chance.random() < 0.5
    for _ in range(_how_many(chance, 6)):
        issued_on, days = _day(chance), chance.randrange(1, 21)
        text = f"{days} days, {issued_on:%m/%Y}" if telling else "Services"
        entity = chance.choice(vendor.entities)
        yield Paper(vendor, "round amounts", entity, issued_on, rate * days, text=text, order=basis.next())


def _price_list(chance: Random, vendor: Vendor) -> Iterator[Paper]:
    prices, basis = [_amount(chance, 9_000) for _ in range(chance.randrange(3, 9))], _Basis(chance)
    for _ in range(_how_many(chance, 15)):
        item, times = chance.randrange(len(prices)), chance.choice((1, 1, 1, 2, 2, 3, 5))
        text, net = f"Item {item + 1}, {times} pieces", prices[item] * times
        entity = chance.choice(vendor.entities)
        yield Paper(vendor, "price list", entity, _day(chance), net, text=text, order=basis.next())


def _every_week(chance: Random, vendor: Vendor) -> Iterator[Paper]:
    usual, first, basis = _amount(chance, 60_000), chance.randrange(7), _Basis(chance)
    for week in range(52):
        net = usual * chance.randrange(9_400, 10_601) // 10_000
        day = YEAR + timedelta(days=first + 7 * week)
        text, order = f"Week {week + 1}", basis.next()
        yield Paper(vendor, "every week", vendor.entities[0], day, net, 7, text=text, order=order)


def _every_month(habit: str) -> Habit:
    def write(chance: Random, vendor: Vendor) -> Iterator[Paper]:
        """The same amount on about the same day of each month, for one to three contracts; dearer in the middle."""
        day = chance.randrange(1, 28)
        usual = _amount(chance, 150_000)
        for contract in range(chance.choice((1, 1, 1, 2, 3))):
            net = usual if chance.random() < 0.5 else _amount(chance, 150_000)
            rise = chance.choice((100, 100, 103))
            for month in range(1, 13):
                issued_on = date(2026, month, day) + timedelta(days=chance.choice((0, 0, 0, 1, 2)))
                due = net if month < 7 else net * rise // 100
                text = f"Contract {contract + 1}, {issued_on:%m/%Y}"
                yield Paper(vendor, habit, vendor.entities[0], issued_on, due, text=text)

    return write


def _many_on_one_day(chance: Random, vendor: Vendor) -> Iterator[Paper]:
    """Tickets, telephones, parcels: on a day of the month so many documents of the same amount."""
    price, day = chance.choice((999, 1_490, 2_990, 4_900, 12_900)), chance.randrange(1, 28)
    telling = chance.random() < 0.5
    for month in range(1, 13):
        for place in range(chance.randrange(3, 13)):
            text = f"Contract 0{1_700_000 + 37 * place}" if telling else "Monthly fee"
            yield Paper(vendor, "many on one day", vendor.entities[0], date(2026, month, day), price, text=text)


def _instalments(chance: Random, vendor: Vendor) -> Iterator[Paper]:
    for project in range(1, chance.randrange(2, 6)):
        first, parts = chance.randrange(200), chance.randrange(3, 7)
        net, gap = _amount(chance, 800_000), chance.choice((14, 30))
        mark = chance.choice(("-{}", "/{}", "")) if chance.random() < 0.7 else ""
        for part in range(1, parts + 1):
            issued_on = YEAR + timedelta(days=min(first + gap * part, DAYS - 1))
            series = project if mark else 0
            text = f"Instalment {part} of {parts}"
            yield Paper(
                vendor,
                "instalments",
                vendor.entities[0],
                issued_on,
                net,
                suffix=mark.format(part),
                series=series,
                text=text,
            )


def _split(chance: Random, vendor: Vendor) -> Iterator[Paper]:
    """One delivery on two or three invoices of the same day, often by equal shares."""
    basis, telling = _Basis(chance), chance.random() < 0.7
    for _ in range(_how_many(chance, 8)):
        issued_on, net, entity = _day(chance), _amount(chance, 90_000), chance.choice(vendor.entities)
        equal, order = chance.random() < 0.5, basis.next()
        for part in range(chance.choice((2, 2, 3))):
            text, line = f"Part {part + 1}" if telling else "Delivery", order and f"{order}{part}"
            amount = net if equal else _amount(chance, 90_000)
            yield Paper(vendor, "split", entity, issued_on, amount, text=text, order=line)


def _small_and_often(chance: Random, vendor: Vendor) -> Iterator[Paper]:
    """Fuel, tolls, canteen: small amounts, several a week."""
    for _ in range(_how_many(chance, 60)):
        issued_on, net = _day(chance), chance.randrange(500, 12_000)
        yield Paper(vendor, "small and often", vendor.entities[0], issued_on, net, text="As received")


def _without_number(chance: Random, vendor: Vendor) -> Iterator[Paper]:
    """Landlords and craftsmen who write no numbers."""
    monthly, day = chance.random() < 0.5, chance.randrange(1, 28)
    net = _amount(chance, 70_000)
    for month in range(1, 13):
        issued_on = date(2026, month, day) if monthly else _day(chance)
        amount = net if monthly else _amount(chance, 70_000)
        text = f"Rent {issued_on:%m/%Y}" if monthly else "Work done"
        yield Paper(vendor, "without number", vendor.entities[0], issued_on, amount, 0, text=text)


HABITS: dict[Habit, int] = {
    _now_and_then: 455,
    _round_amounts: 80,
    _price_list: 140,
    _every_week: 80,
    _every_month("subscription"): 40,
    _every_month("rent"): 20,
    _many_on_one_day: 80,
    _instalments: 20,
    _split: 40,
    _small_and_often: 40,
    _without_number: 5,
}
"""Habits and their share of all invoices, in thousandths."""
