"""What a channel's client must offer: a tray in which documents arrive, and one in which they are laid out.

How sure we are after a failure is in the error's class:

* :class:`FileError`: this one file cannot be had (or put away) now; the others can.
* :class:`~tieout.kernel.errors.TransientError`: nobody is there. Nothing was laid out; again later.
* :class:`AnswerLostError`: the partner may see the document; look before repeating.
* :class:`~tieout.kernel.errors.PermanentError`: this document will never go this way (it is too large for it).
* :class:`~tieout.kernel.errors.ConfigError`: a key, an address or a folder is wrong; an operator is called.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from hashlib import blake2b
from typing import Protocol

from msgspec import Struct

from tieout.connectors.channels.spool import Spool
from tieout.kernel.errors import TieoutError
from tieout.ports import Taken


class FileError(TieoutError):
    """One file cannot be read or put away. The others can."""


class AnswerLostError(TieoutError):
    """The last step was asked for and not answered. The partner may have the document."""


class Arrival(Struct, frozen=True, kw_only=True):
    """A file as a listing shows it.

    ``place`` is the client's own handle, and ``name`` what people see. ``modified`` is in microseconds by the source's
    own clock. ``version`` changes whenever the content does (an ETag, an inode and its time). ``finished`` is what the
    source knows about it: ``None`` when it cannot say whether somebody still writes. ``tries`` says how often the
    source has offered it in vain.
    """

    name: str
    place: str
    size: int
    modified: int
    version: str = ""
    media_type: str = ""
    finished: bool | None = None
    tries: int = 0

    @property
    def key(self) -> str:
        """By what we know it from one listing to the next."""
        return plain_name(self.place)

    @property
    def stamp(self) -> str:
        """A short digest of the file as it stands now; another content has another one."""
        text = f"{self.place}\x1f{self.size}\x1f{self.modified}\x1f{self.version}"
        return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


class Placed(Struct, frozen=True):
    """A document that lies at the partner. ``same``: it has our bytes, and is not another one under our name."""

    reference: str
    same: bool = True


class InTray(Protocol):
    """One visit to the place where documents arrive."""

    def listing(self) -> Iterable[Arrival]:
        """What is there now, in any order."""
        ...

    def fetch(self, arrival: Arrival, spool: Spool) -> bool:
        """Put its bytes on the spool. ``False``: it is gone, or no longer as it was listed; look again later."""
        ...

    def put_away(self, arrival: Arrival, taken: Taken) -> None:
        """It was taken in: move, delete or acknowledge it. Nothing to do when it is gone or has changed since."""
        ...

    def ignore(self, arrival: Arrival) -> None:
        """It is none of ours, by the channel's settings, and will never be taken."""
        ...

    def leave(self, arrival: Arrival, seconds: float) -> None:
        """It was not taken; it will be looked at again in so many seconds."""
        ...

    def behind(self) -> int:
        """How many more wait than the listing shows."""
        ...


class OutTray(Protocol):
    """One visit to the place where documents are laid out for the partner."""

    def find(self, name: str, body: bytes) -> Placed | None:
        """What lies there under this name, also where the partner puts what it has taken; ``None``: nothing."""
        ...

    def place(self, name: str, body: bytes, media_type: str) -> Placed:
        """Lay it out, whole or not at all, and never over another one."""
        ...


class ChannelClient(Protocol):
    """Talks to one place. Threads may share it; each visit is by one."""

    def receiving(self) -> AbstractContextManager[InTray]:
        """Go and look for what came."""
        ...

    def sending(self) -> AbstractContextManager[OutTray]:
        """Go and lay out."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


def plain_name(raw: str) -> str:
    """A name as it may stand in logs, keys and databases: what is not printable text is escaped."""
    text = raw.encode("utf-8", "backslashreplace").decode()
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
