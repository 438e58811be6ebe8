"""What a tolerance limit lets pass. Exact: 100.002 against 100 fails a limit of zero.

=========  ==================================================
off        the check is not made
zero       no variance at all
value      percent and amount must both hold where given
unlimited  any variance passes
=========  ==================================================
"""

from decimal import Decimal

from tieout.kernel.money import EXACT, multiply
from tieout.policy.tolerances import Limit

_HUNDREDTH = Decimal("0.01")


def exceeds(limit: Limit, expected: Decimal, actual: Decimal) -> bool:
    """Whether ``actual`` lies above ``expected`` by more than the limit allows. Less than expected never does."""
    if actual <= expected or limit.kind in ("off", "unlimited"):
        return False
    if limit.kind == "zero" or (limit.percent is None and limit.amount is None):
        return True
    variance = EXACT.subtract(actual, expected)
    if limit.amount is not None and variance > limit.amount:
        return True
    return limit.percent is not None and variance > multiply(multiply(abs(expected), limit.percent), _HUNDREDTH)


def limit_text(limit: Limit, unit: str) -> str:
    """The limit in words, such as ``2 % and 0.10 EUR/EA``."""
    if limit.kind != "value":
        return limit.kind
    parts = [f"{limit.percent} %"] if limit.percent is not None else []
    parts += [f"{limit.amount} {unit}"] if limit.amount is not None else []
    return " and ".join(parts)
