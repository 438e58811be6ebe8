"""How one paper gets into the books twice: each kind as it happens, with its share of all duplicates.

A duplicate is the same claim again: the supplier sent it once, or sent a copy or a reminder, and it was read or keyed
differently. What differs is the kind; when it comes and by which channel is by chance.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

from tieout_bench.duplicates.company import ENTITIES, Paper, under_twin

Slip = Callable[[Random, Paper], Paper | None]
"""The paper as it comes again; nothing when this cannot happen to it."""

_READ_AS = {"0": "O", "O": "0", "1": "I", "I": "1", "5": "S", "S": "5", "8": "B", "B": "8", "2": "Z", "6": "G"}


def _same_file(chance: Random, paper: Paper) -> Paper | None:
    return paper


def _written_otherwise(chance: Random, paper: Paper) -> Paper | None:
    """Other case, spaces or hyphens."""
    number = paper.number
    ways = [number.lower(), number.replace("-", ""), number.replace("-", " "), number[:3] + " " + number[3:]]
    others = [way for way in ways if way != number]
    return replace(paper, number=chance.choice(others)) if number and others else None


def _leading_zeros(chance: Random, paper: Paper) -> Paper | None:
    if not paper.number or not paper.number[0].isdigit():
        return None
    bare = paper.number.lstrip("0")
    return replace(paper, number=bare if bare != paper.number and bare else "00" + paper.number)


def _misread(chance: Random, paper: Paper) -> Paper | None:
    """One or two characters read as others that look like them."""
    number = paper.number
    places = [place for place, sign in enumerate(number) if sign in _READ_AS]
    for place in chance.sample(places, min(len(places), chance.choice((1, 1, 2)))):
        number = number[:place] + _READ_AS[number[place]] + number[place + 1 :]
    return replace(paper, number=number) if number != paper.number else None


def _transposed(chance: Random, paper: Paper) -> Paper | None:
    number = paper.number
    places = [place for place in range(len(number) - 1) if number[place] != number[place + 1]]
    places = [place for place in places if number[place : place + 2].isdigit()]
    if not places:
        return None
    place = chance.choice(places)
    return replace(paper, number=number[:place] + number[place + 1] + number[place] + number[place + 2 :])


def _wrong_digit(chance: Random, paper: Paper) -> Paper | None:
    places = [place for place, sign in enumerate(paper.number) if sign.isdigit()]
    if not places:
        return None
    place = chance.choice(places)
    digit = chance.choice([digit for digit in "0123456789" if digit != paper.number[place]])
    return replace(paper, number=paper.number[:place] + digit + paper.number[place + 1 :])


def _something_added(chance: Random, paper: Paper) -> Paper | None:
    added = chance.choice(("INV-{}", "RE {}", "Nr. {}", "{}-1", "{}A", "{}/2026", "{} COPY", "{}.pdf"))
    return replace(paper, number=added.format(paper.number)) if paper.number else None


def _only_the_end(chance: Random, paper: Paper) -> Paper | None:
    """Keyed by hand: only the last digits, without what every number of this supplier begins with."""
    digits = len(paper.number) - len(paper.number.rstrip("0123456789"))
    short = paper.number[-min(digits, chance.choice((4, 5))) :] if digits >= 3 else ""
    return replace(paper, number=short) if short and short != paper.number else None


def _number_slip(chance: Random, paper: Paper) -> Paper | None:
    return chance.choice((_misread, _transposed, _wrong_digit, _something_added))(chance, paper)


def _wrong_date(chance: Random, paper: Paper) -> Paper | None:
    """A slip in the number, and a date that is off: day and month swapped, or the day it was keyed."""
    slipped = _number_slip(chance, paper)
    if slipped is None:
        return None
    day = paper.issued_on
    if day.day <= 12 and day.day != day.month and chance.random() < 0.4:
        return replace(slipped, issued_on=day.replace(month=day.day, day=day.month))
    return replace(slipped, issued_on=day + timedelta(days=chance.randrange(1, 15)))


def _reminder(chance: Random, paper: Paper) -> Paper | None:
    """A reminder two to five weeks later was entered as an invoice, under its own date and the number with a mark."""
    if not paper.number:
        return None
    number = chance.choice(("M{}", "{}-M1", "MA-{}", "{}"))
    later = paper.issued_on + timedelta(days=chance.randrange(14, 36))
    return replace(paper, number=number.format(paper.number), issued_on=later)


def _amount_off(chance: Random, paper: Paper) -> Paper | None:
    """A slip in the number, and an amount that is off by less than one per cent: rounding, a fee, small freight."""
    slipped = _number_slip(chance, paper)
    off = max(1, paper.net_minor * chance.randrange(1, 90) // 10_000)
    return slipped and replace(slipped, net_minor=paper.net_minor + chance.choice((-off, off)))


def _net_for_gross(chance: Random, paper: Paper) -> Paper | None:
    """The net amount was keyed as the gross one; half the time the number has a slip as well."""
    if not paper.number or not paper.tax_percent:
        return None
    slipped = _number_slip(chance, paper) if chance.random() < 0.5 else paper
    return slipped and replace(slipped, tax_percent=0)


def _other_entity(chance: Random, paper: Paper) -> Paper | None:
    """Another entity of the group with the same currency got it too; a third of the time with a slip in the number."""
    others = [one for one, currency in ENTITIES.items() if one != paper.entity and currency == paper.vendor.currency]
    if not others or not paper.number:
        return None
    slipped = _number_slip(chance, paper) if chance.random() < 0.33 else paper
    return slipped and replace(slipped, entity=chance.choice(others))


def _other_record(chance: Random, paper: Paper) -> Paper | None:
    """Under the supplier's second record; a third of the time with a slip in the number."""
    if paper.vendor.twin is None or not paper.number:
        return None
    slipped = _number_slip(chance, paper) if chance.random() < 0.33 else paper
    return slipped and under_twin(slipped)


def _another_number(chance: Random, paper: Paper) -> Paper | None:
    """Keyed with what stood elsewhere on the paper, an order or customer number, or with no number at all."""
    number = chance.choice(("", "", f"450{chance.randrange(10**6, 10**7)}", f"KD{chance.randrange(1000, 9999)}"))
    return replace(paper, number=number) if paper.number else None


def _no_number_twice(chance: Random, paper: Paper) -> Paper | None:
    return None if paper.number else paper


SLIPS: dict[str, tuple[Slip, int]] = {
    "same file by two channels": (_same_file, 22),
    "number written otherwise": (_written_otherwise, 7),
    "leading zeros": (_leading_zeros, 5),
    "misread number": (_misread, 10),
    "transposed digits": (_transposed, 8),
    "one wrong digit": (_wrong_digit, 6),
    "prefix or suffix": (_something_added, 7),
    "only the end of the number": (_only_the_end, 4),
    "number slip, wrong date": (_wrong_date, 7),
    "reminder entered": (_reminder, 4),
    "number slip, amount off": (_amount_off, 5),
    "net for gross": (_net_for_gross, 3),
    "other entity": (_other_entity, 5),
    "other supplier record": (_other_record, 4),
    "another number or none": (_another_number, 3),
    "no number, twice": (_no_number_twice, 1),
}
"""What happens, and how often among a hundred duplicates."""
