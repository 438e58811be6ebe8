"""The whole application on top of some books, for tests and for looking."""

from argon2 import PasswordHasher
from litestar import Litestar
from tests.web.books import PARTITIONS, Books

from tieout.engine.people import People
from tieout.engine.queries.database import Database
from tieout.http.door import Door, Webhook
from tieout.web.app import create_site

PASSWORD = "correct horse battery"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

#: Who works here: name → (how they are called, duties, entities).
PEOPLE: dict[str, tuple[str, str, str]] = {
    "paula": ("Paula Petersen", "PP IE", ""),
    "rolf": ("Rolf Reimers", "PX IA", ""),
    "ines": ("Ines Iversen", "RP", ""),
    "bea": ("Bea Brandt", "VB", ""),
    "bo": ("Bo Bruhn", "VB", ""),
    "ida": ("Ida Ingwersen", "IA", ""),
    "carl": ("Carl Clausen", "RC", ""),
    "otto": ("Otto Olsen", "", ""),
    "cora": ("Cora Carstens", "CF", ""),
    "paul": ("Paul Paulsen", "CA", ""),
    "jun": ("Jun Mori", "IA", "JP01"),
    "gerd": ("Gerd Gehrke", "PO GR", "DE01"),
    "hanne": ("Hanne Hansen", "PE JE", ""),
}


def door_of(books: Books, webhooks: dict[str, Webhook] | None = None) -> Door:
    """Everything the doors stand on; the people are there already."""
    people = People(books.url, books.clock, hasher=CHEAP)
    for name, (display_name, duties, entities) in PEOPLE.items():
        if people.person(name) is None:
            held = duties.split()
            people.add_person(name, display_name, PASSWORD, held, entities.split(), accept_conflicts=True)
    return Door(
        intake=books.intake,
        actions=books.actions,
        database=Database(books.url),
        people=people,
        clock=books.clock,
        policies=books.policies,
        partitions=PARTITIONS,
        webhooks=webhooks,
        company="Nordlicht",
        policy_desk=books.desk,
    )


def app_of(books: Books) -> Litestar:
    return create_site(door_of(books))
