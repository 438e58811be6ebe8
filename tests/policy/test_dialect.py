"""A dialect is read strictly from its file: exact numbers, known keys, checks that there are."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from tieout.kernel.problem import Code
from tieout.policy.dialect import Dialect, DialectCheck, Hold, content_digest, dialect_of, read_tables
from tieout.policy.tolerances import Limit

TEXT = """
title = "Our old ERP"
effective_from = 2020-01-01
source = "its manual, page 7"
blank = "unlimited"

[checks]
price = { hold = "P", default = { kind = "value", percent = 2.5 } }
amount = {}

[findings]
line_closed = "CLOSED"

[holds]
P = { release_allowed = false }
"""


def test_a_dialect_is_read_from_its_text() -> None:
    limit = Limit(kind="value", percent=Decimal("2.5"))
    old = dialect_of("old", read_tables(TEXT))
    assert old == Dialect(
        name="old",
        title="Our old ERP",
        effective_from=date(2020, 1, 1),
        source="its manual, page 7",
        blank="unlimited",
        checks={"price": DialectCheck(hold="P", default=limit), "amount": DialectCheck()},
        findings={Code.LINE_CLOSED: "CLOSED"},
        holds={"P": Hold(release_allowed=False)},
    )
    assert [old.omitted(name) for name in ("price", "amount", "tax")] == [limit, Limit(kind="unlimited"), None]
    assert (old.hold("P"), old.hold("Q")) == (Hold(release_allowed=False), Hold())


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("amount =", "amounts =", "dialect old: there are no checks named amounts"),
        ("price =", "x = {}\nprize =", "dialect old: there are no checks named prize, x"),
        ('"unlimited"', '"anything"', "Invalid enum value 'anything'"),
        ("line_closed", "line_shut", "Invalid enum value 'line_shut'"),
        ("hold =", "holt =", "unknown field `holt`"),
        ('title = "Our old ERP"', "", "missing required field `title`"),
    ],
)
def test_a_slip_in_a_dialect_is_an_error(right: str, wrong: str, told: str) -> None:
    with pytest.raises((ValueError, msgspec.ValidationError), match=told):
        dialect_of("old", read_tables(TEXT.replace(right, wrong)))


def test_what_decides_in_a_dialect_makes_its_digest() -> None:
    digest = content_digest(read_tables(TEXT))
    same = TEXT.replace("Our old ERP", "Legacy").replace("page 7", "page 8")
    assert content_digest(read_tables(same)) == digest
    for right, wrong in (("2.5", "2.6"), ('hold = "P"', 'hold = "Q"'), ("2020", "2021"), ("unlimited", "off")):
        assert content_digest(read_tables(TEXT.replace(right, wrong))) != digest
