"""ABA routing numbers: which bank, with a check digit."""

from collections.abc import Iterator
from functools import lru_cache

from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankAccount

#: ISO 20022's clearing system code for the ABA, before a routing number.
PREFIX = "USABA"
_WEIGHTS = (3, 7, 1) * 3


@lru_cache(maxsize=65_536)
def is_routing_number(text: str) -> bool:
    """Nine digits whose weighted sum is a multiple of ten."""
    if len(text) != 9 or not (text.isascii() and text.isdecimal()):
        return False
    return sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=True)) % 10 == 0


def routing_of(account: BankAccount) -> str:
    """The routing number of an account, or nothing where it has another clearing code."""
    return account.clearing.removeprefix(PREFIX) if account.clearing.startswith(PREFIX) else ""


def routing_problems(where: str, text: str) -> Iterator[Problem]:
    """A routing number that is wrong."""
    if not is_routing_number(text):
        yield Problem(Code.BAD_VALUE, where, expected="a routing number with its check digit", actual=text[:20])
