"""The seal: signed checkpoints over the heads of all partitions, and the proof that nothing has been changed since.

The chain alone shows a changed byte; a checkpoint signed with a key kept elsewhere also shows a rewritten chain.
"""

from collections.abc import Iterator

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from tieout.engine.chain import GENESIS, event_hash
from tieout.engine.stores.port import Store
from tieout.engine.stores.rows import EventRow
from tieout.kernel.clock import from_micros
from tieout.model.events import Lane, Message
from tieout.model.facts import CheckpointSigned, decode_fact

PAGE = 5_000
SEAL_HOME = "seal"
"""The home of the partition whose log holds the checkpoints."""


class Break(Struct, frozen=True):
    """A place where the log is not what it was."""

    partition: int
    position: int
    what: str


class Verification(Struct, frozen=True):
    """What verifying the log found."""

    events: int
    partitions: int
    checkpoints: int
    breaks: tuple[Break, ...]

    @property
    def sound(self) -> bool:
        """Is every byte what it was when it was written?"""
        return not self.breaks


def checkpoint(store: Store, key: Ed25519PrivateKey, at: str) -> Message:
    """A message that puts the signed heads of all partitions into the log. ``at`` makes its key (a time as text)."""
    heads = {f"{number}.{head.position}": head.hash.hex() for number, head in sorted(store.log_heads().items())}
    signed = CheckpointSigned(
        heads=heads,
        signature=key.sign(_signed_bytes(heads)).hex(),
        public_key=key.public_key().public_bytes_raw().hex(),
    )
    return Message(
        source="seal", key=at, data=signed, home=SEAL_HOME, subject="seal", actor="system:seal", lane=Lane.CONTROL
    )


def _signed_bytes(heads: dict[str, str]) -> bytes:
    return b"tieout checkpoint v1\n" + msgspec.json.encode(heads, order="deterministic")


def read_partition(store: Store, partition: int) -> Iterator[EventRow]:
    """All events of a partition in order, a page at a time."""
    after = 0
    while page := store.read_log(partition, after, PAGE):
        yield from page
        after = page[-1].position


def verify(store: Store, *, public_key: str = "") -> Verification:
    """Recompute every hash and check every checkpoint. ``public_key`` (hex), if given, must have signed them all."""
    breaks: list[Break] = []
    hashes: dict[str, str] = {}
    checkpoints: list[tuple[EventRow, CheckpointSigned]] = []
    events = 0
    partitions = sorted(store.log_heads())
    for partition in partitions:
        previous, expected = GENESIS, 1
        for row in read_partition(store, partition):
            if row.position != expected:
                breaks.append(Break(partition, expected, f"events {expected} to {row.position - 1} are missing"))
                expected = row.position
            if not _holds(previous, row):
                breaks.append(Break(partition, row.position, f"the {row.type} recorded {_when(row)} was changed"))
            if row.type == CheckpointSigned.type:
                if signed := _read(row):
                    checkpoints.append((row, signed))
                else:
                    breaks.append(Break(partition, row.position, "the checkpoint cannot be read"))
            hashes[f"{partition}.{row.position}"] = row.hash.hex() if isinstance(row.hash, bytes) else ""
            previous, expected, events = row.hash, expected + 1, events + 1
    for row, signed in checkpoints:
        breaks += _check(row, signed, hashes, public_key)
    return Verification(events, len(partitions), len(checkpoints), tuple(breaks))


def _holds(previous: bytes, row: EventRow) -> bool:
    """Whether the hash is right. SQLite lets a forger put any type into any column; what has no hash is wrong too."""
    try:
        return event_hash(previous, row) == row.hash
    except (TypeError, AttributeError, UnicodeError):
        return False


def _when(row: EventRow) -> str:
    try:
        return from_micros(row.recorded_at).isoformat()
    except (TypeError, OverflowError):
        return repr(row.recorded_at)


def _read(row: EventRow) -> CheckpointSigned | None:
    try:
        fact = decode_fact(row.type, row.data)
    except (msgspec.DecodeError, UnicodeError, TypeError, KeyError):
        return None
    return fact if isinstance(fact, CheckpointSigned) else None


def _check(row: EventRow, signed: CheckpointSigned, hashes: dict[str, str], public_key: str) -> Iterator[Break]:
    if public_key and signed.public_key != public_key:
        yield Break(row.partition, row.position, "the checkpoint was signed with another key")
    try:
        verifier = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.public_key))
        verifier.verify(bytes.fromhex(signed.signature), _signed_bytes(signed.heads))
    except (InvalidSignature, ValueError):
        yield Break(row.partition, row.position, "the signature of the checkpoint does not hold")
    for place, digest in signed.heads.items():
        if hashes.get(place) != digest:
            partition, _, position = place.partition(".")
            if partition.isdecimal() and position.isdecimal():
                yield Break(int(partition), int(position), "the event is not the one that was sealed")
            else:
                yield Break(row.partition, row.position, f"the checkpoint seals {place!r}, which is no event")
