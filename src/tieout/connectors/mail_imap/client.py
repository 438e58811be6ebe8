"""Reads a mailbox, through :mod:`~tieout.connectors.mail.imap`. Knows no business."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesHeaderParser

from tieout.connectors.channels import Arrival, InTray, OutTray, Spool
from tieout.connectors.channels.trays import ChannelClient
from tieout.connectors.mail.imap import PART, Listed, Session
from tieout.connectors.mail.letter import mail_name, plain_text, sender_of
from tieout.connectors.mail_imap.config import ImapConfig
from tieout.kernel.clock import to_micros
from tieout.kernel.errors import TieoutError, TransientError
from tieout.ports import Taken

LISTED_MAX = 5_000
"""So many mails are looked at in one visit, the oldest ones; the rest waits for the next."""
_AT_ONCE = 500
_HEADERS = ("FROM", "SUBJECT")


class ImapClient(ChannelClient, InTray):
    """One mailbox. The connection is kept from visit to visit; when it broke, the next one makes it anew."""

    def __init__(self, config: ImapConfig, connect: Callable[[], Session]) -> None:
        self._config = config
        self._connect = connect
        self._session: Session | None = None
        self._lock = threading.Lock()
        self._validity = 0
        self._known: dict[int, Arrival | None] = {}
        self._behind = 0

    @contextmanager
    def receiving(self) -> Iterator[InTray]:
        """Open the folder."""
        with self._lock:
            try:
                self._open()
                yield self
            except TieoutError:
                self._hang_up()
                raise

    def _open(self) -> None:
        """By the connection that we have, if it still lives."""
        validity = None
        if self._session is not None:
            try:
                validity = self._session.select(self._config.folder)
            except TransientError:
                self._hang_up()
        if validity is None:
            self._session = self._connect()
            validity = self._session.select(self._config.folder)
        if validity != self._validity:  # the numbers mean other messages now
            self._validity, self._known = validity, {}

    def sending(self) -> Iterator[OutTray]:  # type: ignore[override]
        """No document goes out by a mailbox."""
        raise NotImplementedError

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    @property
    def _there(self) -> Session:
        """The connection of this visit. (It may have broken in the middle of it.)"""
        if self._session is None:
            raise TransientError("the connection to the mailbox broke")
        return self._session

    # ── the tray ────────────────────────────────────────────────────────────────────────────────────────────────

    def listing(self) -> Iterator[Arrival]:
        """The mails that were not put away, from senders that are admitted. What they are called is in their headers,
        which never change under one number: they are asked for once."""
        criteria = ["UNDELETED"]
        if self._config.after == "flag":
            criteria += ["UNKEYWORD", self._config.processed, "UNKEYWORD", self._config.refused]
        uids = self._there.uids(*criteria)
        self._known = {uid: self._known[uid] for uid in uids if uid in self._known}
        new = [uid for uid in uids if uid not in self._known]
        self._behind = max(0, len(new) - LISTED_MAX)
        asked = new[:LISTED_MAX]
        for start in range(0, len(asked), _AT_ONCE):
            found = self._there.listed(asked[start : start + _AT_ONCE], _HEADERS)
            self._known |= {listed.uid: self._arrival(listed) for listed in found}
        return (arrival for arrival in self._known.values() if arrival is not None)

    def _arrival(self, listed: Listed) -> Arrival | None:
        headers = BytesHeaderParser().parsebytes(listed.headers)
        if not self._config.senders.admit(sender_of(headers, "From")):
            return None
        return Arrival(
            name=mail_name(plain_text(headers, "Subject")),
            place=f"{self._validity}/{listed.uid}",
            size=listed.size,
            modified=to_micros(listed.stored_at),
            media_type="message/rfc822",
            finished=True,
        )

    def fetch(self, arrival: Arrival, spool: Spool) -> bool:
        """Read it part by part, without marking it as read."""
        uid, start = self._uid(arrival), 0
        while (part := self._there.part(uid, start)) is not None:
            spool.add(part)
            start += len(part)
            if len(part) < PART:
                return start > 0
        return False

    def put_away(self, arrival: Arrival, taken: Taken) -> None:
        """Move it, or put the keyword on it. What could not be read goes where people look."""
        target = self._config.refused if is_refused(taken) else self._config.processed
        if self._config.after == "move":
            self._there.move(self._uid(arrival), target)
        else:
            self._there.flag(self._uid(arrival), target)
        self._known.pop(self._uid(arrival), None)

    def ignore(self, arrival: Arrival) -> None:
        """A mail stays where it is."""

    def leave(self, arrival: Arrival, seconds: float) -> None:
        """A mail waits by itself."""

    def behind(self) -> int:
        """How many were not even looked at."""
        return self._behind

    @staticmethod
    def _uid(arrival: Arrival) -> int:
        return int(arrival.place.partition("/")[2])


def is_refused(taken: Taken) -> bool:
    """Whether something of a mail needs somebody to look at it."""
    return taken.status == "quarantined" or any(map(is_refused, taken.parts))
