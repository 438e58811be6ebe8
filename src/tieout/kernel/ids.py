"""Ids come from the data, never from chance: the same business fact always gets the same id."""

from hashlib import blake2b, sha256
from itertools import product

#: Two digits of base 32 (RFC 4648, in small letters) for each ten bits.
_PAIRS = tuple(map("".join, product("abcdefghijklmnopqrstuvwxyz234567", repeat=2)))


def derive(kind: str, *parts: str) -> str:
    """Derive an id such as ``inv-5k2m…`` (at most 35 characters of the SEPA set, to fit an EndToEndId).

    The parts are joined with a separator that cannot occur in outside text, so ``("a", "bc")`` and
    ``("ab", "c")`` differ.
    """
    number = int.from_bytes(blake2b("\x1f".join(parts).encode(), digest_size=15).digest(), "big")
    return f"{kind}-{''.join([_PAIRS[number >> shift & 1023] for shift in range(110, -1, -10)])}"


def fingerprint(body: bytes) -> str:
    """SHA-256 of a body as it came, in hex: the evidence of what was received."""
    return sha256(body).hexdigest()


def partition_of(key: str, count: int) -> int:
    """The partition (0 … count-1) that handles everything that concerns this key, in order."""
    return int.from_bytes(blake2b(key.encode(), digest_size=4).digest(), "big") % count
