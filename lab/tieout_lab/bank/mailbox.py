"""The bank's mailbox: takes files out of ``in/``, keeps them in ``archive/``, and puts files into ``out/``.

A file in ``in/`` whose name does not end in ``.part`` or ``.tmp`` is taken at once, complete or not: whoever writes
under the final name is read half. What the bank sends appears whole, unless the switchboard says ``half_written``.
"""

import asyncio
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from tieout_lab.bank.iso import UnreadableError, read_payment_file
from tieout_lab.bank.store import Outbound, Store
from tieout_lab.faults import Switchboard

PICK_UP, WRITE = "files.pick_up", "files.write"
UNFINISHED = (".part", ".tmp")


class Mailbox:
    """The three folders that a client sees."""

    def __init__(self, root: Path, store: Store, switchboard: Switchboard, poll_seconds: float = 0.5) -> None:
        self.root = root
        self._store, self._switchboard, self._poll_seconds = store, switchboard, poll_seconds
        self._incoming, self._outgoing, self._archive = root / "in", root / "out", root / "archive"
        self._spool = root.parent / "spool"
        for folder in (self._incoming, self._outgoing, self._archive, self._spool):
            folder.mkdir(parents=True, exist_ok=True)
        self._wake = asyncio.Event()
        self._pauses: set[asyncio.Task[None]] = set()
        # A file that was moved just before the process died is in the archive, whatever was noted.
        for name in store.unarchived():
            if not (self._incoming / name).exists():
                store.archived(name)
        # Files of which only a half was out when the process died are finished now.
        self.complete_halves()

    def wake(self) -> None:
        """Something may have come in, or is to go out."""
        self._wake.set()

    async def run(self) -> None:
        """Look after the folders for ever."""
        while True:
            self._wake.clear()
            await self.work()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._poll_seconds)

    async def work(self) -> None:
        """Take in everything that is there, then send everything that is due."""
        for path in sorted(self._incoming.iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name)):
            if path.is_file() and not path.name.endswith(UNFINISHED) and not path.name.startswith("."):
                delay_ms = self._switchboard.plan(PICK_UP).delay_ms
                if delay_ms:
                    await asyncio.sleep(delay_ms / 1000)
                self._take(path)
        self.send()

    def _take(self, path: Path) -> None:
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            return  # taken back by the client, or by a second look at the same folder
        digest = sha256(body).hexdigest()
        # After a crash between booking and moving, the file still lies there: it is not a second file.
        if not self._store.arrived_before(path.name, digest):
            try:
                self._store.take(path.name, digest, read_payment_file(body))
            except UnreadableError as error:
                self._store.refuse_unreadable(path.name, digest, str(error))
        target, number = self._archive / path.name, 1
        while target.exists():
            number += 1
            target = self._archive / f"{path.name}.{number}"
        os.replace(path, target)
        self._store.archived(path.name)

    def send(self) -> None:
        """Write every file that waits."""
        while (outbound := self._store.next_outbound()) is not None:
            plan = self._switchboard.plan(WRITE)
            if plan.half_written:
                self._write_half(outbound, plan.half_written_pause_ms)
            else:
                self._write(outbound)

    def complete_halves(self) -> tuple[str, ...]:
        """Finish every half-written file. Says which."""
        halves = self._store.halves()
        for outbound in halves:
            self._write(outbound)
        return tuple(outbound.name for outbound in halves)

    def _write(self, outbound: Outbound) -> None:
        """All at once: written aside, then moved to its name."""
        aside = self._spool / outbound.name
        aside.write_bytes(outbound.content)
        os.replace(aside, self._outgoing / outbound.name)
        self._store.mark_outbound(outbound.seq, "written")

    def _write_half(self, outbound: Outbound, pause_ms: int) -> None:
        half = outbound.content[: len(outbound.content) // 2]
        (self._outgoing / outbound.name).write_bytes(half)
        self._store.mark_outbound(outbound.seq, "half")
        if pause_ms:
            task = asyncio.get_running_loop().create_task(self._finish_later(outbound, pause_ms))
            self._pauses.add(task)
            task.add_done_callback(self._pauses.discard)

    async def _finish_later(self, outbound: Outbound, pause_ms: int) -> None:
        await asyncio.sleep(pause_ms / 1000)
        if outbound in self._store.halves():
            with (self._outgoing / outbound.name).open("ab") as file:
                file.write(outbound.content[len(outbound.content) // 2 :])
            self._store.mark_outbound(outbound.seq, "written")
