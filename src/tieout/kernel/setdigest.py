"""An order-independent digest of a set of items: equal sets have equal digests, whichever way they were built up.

Adding and removing an item are both additions modulo 2^62 (so that a sum of two still fits a database integer). A
digest is therefore kept up to date one item at a time, and two systems can prove that they hold the same items
without exchanging them.
"""

from hashlib import blake2b

MODULUS = 1 << 62


def item_digest(item: str, minor: int) -> int:
    """The digest of one item with its amount in minor units."""
    return int.from_bytes(blake2b(f"{item}\x1f{minor}".encode(), digest_size=8).digest(), "big") % MODULUS


def add_digest(digest: int, item: str, minor: int, sign: int = 1) -> int:
    """The digest after an item came (sign 1) or went (sign -1)."""
    return (digest + sign * item_digest(item, minor)) % MODULUS
