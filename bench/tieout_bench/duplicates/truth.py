"""The year as it arrives, and apart from it the truth: which invoice is another one's duplicate, and why.

The search sees :class:`Arrival` alone, one after the other. One to three invoices of a hundred are duplicates, as
published rates have it; the default is two.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from random import Random

from tieout.kernel.money import Money
from tieout.model.documents import Invoice, InvoiceKind, InvoiceLine
from tieout.model.identity import supplier_id_of
from tieout_bench.duplicates.company import CHANNELS, Paper, papers
from tieout_bench.duplicates.errors import SLIPS

#: How often the account to pay to, the order, and the words of the line are read from a document, in per cent.
_ACCOUNT_READ = {"mail": 85, "e-invoice": 100, "portal": 70, "keyed": 25}
_ORDER_READ = {"mail": 85, "e-invoice": 95, "portal": 90, "keyed": 60}
_TEXT_READ = {"mail": 75, "e-invoice": 100, "portal": 60, "keyed": 0}


@dataclass(frozen=True, slots=True)
class Arrival:
    """One invoice on its way in. ``file`` stands for the bytes it was read from."""

    invoice_id: str
    paper: Paper
    channel: str
    file: str
    received_at: datetime
    account: str

    def invoice(self) -> Invoice:
        """What was read: the canonical document that the search gets."""
        paper, record = self.paper, self.paper.vendor.record
        net = Money(paper.net_minor, paper.vendor.currency)
        tax = Money(paper.net_minor * paper.tax_percent // 100, net.currency)
        line = InvoiceLine(
            line_id="1",
            quantity=Decimal(1),
            unit="C62",
            unit_price=net.amount,
            net=net,
            description=paper.text,
            tax_rate=Decimal(paper.tax_percent),
            order_id=paper.order.partition("/")[0],
            order_line_id=paper.order.partition("/")[2],
        )
        return Invoice(
            kind=InvoiceKind.CREDIT_NOTE if paper.credit else InvoiceKind.INVOICE,
            number=paper.number,
            entity=paper.entity,
            supplier_id=supplier_id_of(record.key),
            supplier_tax_id=record.tax_id,
            supplier_name=record.name,
            currency=net.currency,
            issued_on=paper.issued_on,
            due_on=paper.issued_on + timedelta(days=30),
            lines=(line,),
            net=net,
            tax=tax,
            gross=net + tax,
            credits_number=paper.credits_number,
            document=hashlib.sha256(self.file.encode()).hexdigest(),
            payee_account=self.account,
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """``kinds``: what happened to each duplicate; ``claims``: invoices of one claim, by invoice; ``habits``: why each
    honest invoice was written."""

    kinds: dict[str, str]
    claims: dict[str, int]
    habits: dict[str, str]


def year(invoices: int, seed: int, duplicates_percent: float = 2.0) -> tuple[list[Arrival], Truth]:
    """About so many invoices in the order of their arrival, and the truth about them."""
    chance = Random(seed)
    honest = list(papers(chance, round(invoices * (1 - duplicates_percent / 100))))
    sent = [(paper, claim, "") for claim, paper in enumerate(honest)]
    again = _again(chance, honest, round(invoices * duplicates_percent / 100))
    came = [_first(chance, number, paper) for number, (paper, _, _) in enumerate(sent)]
    for claim, kind, paper in again:
        came.append(_copy(chance, len(sent), came[claim], paper, kind))
        sent.append((paper, claim, kind))
    return _in_order(came, [claim for _, claim, _ in sent], [kind for _, _, kind in sent])


def _again(chance: Random, honest: Sequence[Paper], count: int) -> list[tuple[int, str, Paper]]:
    """So many papers that come again: the place of the first, what happened, and how it looks now."""
    again: list[tuple[int, str, Paper]] = []
    of_kind = {
        "no number, twice": [place for place, paper in enumerate(honest) if not paper.number],
        "other supplier record": [place for place, paper in enumerate(honest) if paper.vendor.twin],
    }
    everyone, taken = range(len(honest)), set[int]()
    for kind, (slip, share) in SLIPS.items():
        wanted = max(1, count * share // 101)
        places = of_kind.get(kind, everyone)
        for _ in range(50 * wanted):  # not every paper can have every slip
            place = places[chance.randrange(len(places))]
            paper = honest[place]
            if place in taken or paper.credit:
                continue
            copy = slip(chance, paper)
            if copy is not None:
                taken.add(place)
                again.append((place, kind, copy))
                wanted -= 1
            if not wanted:
                break
    return again


def _first(chance: Random, number: int, paper: Paper) -> Arrival:
    channel = chance.choices(tuple(CHANNELS), tuple(CHANNELS.values()))[0]
    hours = chance.expovariate(1 / 60)
    received_at = datetime.combine(paper.issued_on, time(8), UTC) + timedelta(hours=min(hours, 900))
    return _arrival(chance, f"inv_{number:07d}", paper, channel, f"file {number}", received_at)


def _copy(chance: Random, number: int, first: Arrival, paper: Paper, kind: str) -> Arrival:
    """The same claim again, up to some weeks later; what is keyed by hand may also come first."""
    channel = chance.choice([name for name in CHANNELS if name != first.channel])
    file = first.file if kind == "same file by two channels" else f"file {number}"
    delay = timedelta(hours=chance.expovariate(1 / 200) if chance.random() < 0.9 else -chance.expovariate(1 / 30))
    received_at = first.received_at + delay
    if kind == "reminder entered":
        received_at = datetime.combine(paper.issued_on, time(9), UTC) + timedelta(days=chance.randrange(4))
    return _arrival(chance, f"inv_{number:07d}", paper, channel, file, received_at)


def _arrival(chance: Random, invoice_id: str, paper: Paper, channel: str, file: str, received_at: datetime) -> Arrival:
    def read(how_often: dict[str, int], what: str) -> str:
        return what if chance.randrange(100) < how_often[channel] else ""

    text = read(_TEXT_READ, paper.text) or ("" if channel == "keyed" else f"{paper.text[:-1]}~")
    paper = replace(paper, order=read(_ORDER_READ, paper.order), text=text)
    return Arrival(invoice_id, paper, channel, file, received_at, read(_ACCOUNT_READ, paper.vendor.account))


def _in_order(came: list[Arrival], claims: list[int], kinds: list[str]) -> tuple[list[Arrival], Truth]:
    """By the time of arrival. The duplicate is what came second, whichever of the two was the supplier's own."""
    kind_of = {claim: kind for claim, kind in zip(claims, kinds, strict=True) if kind}
    truth = Truth({}, {}, {})
    seen: set[int] = set()
    arrivals = sorted(range(len(came)), key=lambda place: (came[place].received_at, came[place].invoice_id))
    for place in arrivals:
        arrival, claim = came[place], claims[place]
        truth.claims[arrival.invoice_id] = claim
        if claim in seen:
            truth.kinds[arrival.invoice_id] = kind_of[claim]
        else:
            truth.habits[arrival.invoice_id] = arrival.paper.habit
        seen.add(claim)
    return [came[place] for place in arrivals], truth
