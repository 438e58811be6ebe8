"""What must be remembered between two calls: which messages were taken, which were sent, and what was answered.

It lies in an object store (a folder, or a bucket that several machines share), one small object for each Message-ID:

    received/  taken, with the receipt we gave: the same message again gets the same receipt
    sent/      sent, with the digests that a receipt must state
    answered/  the receipt that came for it
    owed/      receipts of ours that are still to be delivered
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any, Literal, TypeVar

import msgspec
import obstore
from msgspec import Struct
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from tieout.connectors.as2.mdn import Receipt, Wire
from tieout.kernel.errors import TransientError

Shelf = Literal["received", "sent", "answered", "owed"]


class Received(Struct, frozen=True):
    """A message that was taken. ``content`` is the SHA-256 of its document, ``evidence`` that of the whole message;
    ``mic`` is what the receipt confirms."""

    content: str
    evidence: str
    receipt: Wire | None = None
    mic: bytes = b""


class Sent(Struct, frozen=True):
    """A message of ours: the digests of what a receipt confirms, by algorithm; when (microseconds); its evidence."""

    mics: dict[str, bytes]
    at: int
    evidence: str


class Answered(Struct, frozen=True):
    """The receipt that came for a message of ours. ``evidence`` is the SHA-256 of it as it came."""

    receipt: Receipt
    evidence: str


class Owed(Struct, frozen=True):
    """A receipt that is to be delivered to an address. Times are microseconds."""

    url: str
    wire: Wire
    since: int
    tries: int = 0
    not_before: int = 0

    @property
    def handle(self) -> str:
        """By what it is found: its own Message-ID."""
        return self.wire.headers["Message-ID"]


T = TypeVar("T", Received, Sent, Answered, Owed)


class Ledger:
    """The objects of one connector, by shelf and Message-ID. Threads and machines may share it.

    Everything raises ``TransientError`` when the store cannot be reached.
    """

    def __init__(self, store: Any) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str) -> "Ledger":
        """Open an object store: ``file:///…``, ``memory:///``, ``s3://bucket/prefix`` …"""
        return cls(from_url(url, mkdir=True) if url.startswith("file:") else from_url(url))

    def get(self, shelf: Shelf, message_id: str, kind: type[T]) -> T | None:
        """What is known of a message."""
        with _reachable():
            return self._read(_path(shelf, message_id), kind)

    def put(self, shelf: Shelf, message_id: str, value: Received | Sent | Answered | Owed) -> None:
        """Remember it; what was known before is replaced."""
        with _reachable():
            obstore.put(self._store, _path(shelf, message_id), msgspec.json.encode(value))

    def add(self, shelf: Shelf, message_id: str, value: Received) -> bool:
        """Remember it if nothing is known yet. ``False``: another call was first."""
        with _reachable():
            try:
                obstore.put(self._store, _path(shelf, message_id), msgspec.json.encode(value), mode="create")
            except AlreadyExistsError:
                return False
        return True

    def forget(self, shelf: Shelf, message_id: str) -> None:
        """Nothing is known of it any more."""
        with _reachable(), suppress(FileNotFoundError):
            obstore.delete(self._store, _path(shelf, message_id))

    def owed(self) -> list[Owed]:
        """The receipts that are to be delivered, the oldest first."""
        with _reachable():
            places = [seen["path"] for page in obstore.list(self._store, prefix="owed") for seen in page]
            found = [self._read(place, Owed) for place in places]
        return sorted((each for each in found if each is not None), key=lambda owed: owed.since)

    def _read(self, place: str, kind: type[T]) -> T | None:
        try:
            body = bytes(obstore.get(self._store, place).bytes())
        except FileNotFoundError:
            return None
        return msgspec.json.decode(body, type=kind)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        first_line = str(error).partition("\n")[0]
        raise TransientError(f"the ledger of AS2 messages cannot be reached: {first_line}") from error


def _path(shelf: Shelf, message_id: str) -> str:
    return f"{shelf}/{sha256(message_id.encode()).hexdigest()}"
