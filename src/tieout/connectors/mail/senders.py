"""Whose mail is taken. Pure.

An address in a mail proves nothing: these rules keep noise out, and no thief.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from msgspec import Struct


class SenderRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Patterns as in a shell (``*@supplier.example``), without regard to case. ``never`` outdoes ``only``."""

    only: tuple[str, ...] = ("*",)
    never: tuple[str, ...] = ()

    def admit(self, address: str) -> bool:
        """Whether mail from this address is taken. (A bounce has none and is taken, unless ``never`` has ``""``.)"""
        return not fits(address, self.never) and (not address or fits(address, self.only))


def fits(address: str, patterns: Sequence[str]) -> bool:
    """Whether an address is one of these."""
    return any(fnmatchcase(address.casefold(), pattern.casefold()) for pattern in patterns)
