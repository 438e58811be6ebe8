"""The bank's SFTP door: one user, its own host key, a locked-in folder, and the switchboard on every operation.

Clients write in ``in/`` only; ``out/`` and ``archive/`` can be read. Operations: ``sftp.connect``, ``sftp.open``,
``sftp.rename``, ``sftp.remove``, ``sftp.list``, ``sftp.stat``. Refusals are SFTP failures; a dropped answer cuts the
SSH connection after the work is done.
"""

import asyncio
import posixpath
import socket
from collections.abc import AsyncIterator, Callable
from hmac import compare_digest
from pathlib import Path
from typing import Any

import asyncssh

from tieout_lab.bank.mailbox import Mailbox
from tieout_lab.faults import Switchboard
from tieout_lab.serving import secret

USER = "tieout"
OPERATIONS = ("sftp.connect", "sftp.open", "sftp.rename", "sftp.remove", "sftp.list", "sftp.stat")
_WRITE = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC


def _new_key() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()


class Door:
    """Keys, password and listener."""

    def __init__(self, folder: Path, listener: socket.socket, mailbox: Mailbox, switchboard: Switchboard) -> None:
        self._listener, self._mailbox, self._switchboard = listener, mailbox, switchboard
        self._host_key = asyncssh.import_private_key(secret(folder, "sftp_host_key", _new_key))
        self.password = secret(folder, "sftp_password")
        self.client_key = secret(folder, "sftp_client_key", _new_key)
        self._authorised = asyncssh.import_private_key(self.client_key).convert_to_public()

    @property
    def host_key(self) -> str:
        """The public host key, as a line for ``known_hosts``, without the host."""
        return self._host_key.export_public_key().decode().strip()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    async def run(self) -> None:
        """Serve for ever."""
        acceptor = await asyncssh.listen(
            sock=self._listener,
            server_factory=lambda: _Login(self.password, self._authorised, self._switchboard),
            server_host_keys=[self._host_key],
            sftp_factory=lambda channel: _Sftp(channel, self._mailbox, self._switchboard),
            encoding=None,
            login_timeout=30,
        )
        try:
            await acceptor.wait_closed()
        finally:
            acceptor.close()


class _Login(asyncssh.SSHServer):
    """Lets the one user in by password or key."""

    def __init__(self, password: str, key: asyncssh.SSHKey, switchboard: Switchboard) -> None:
        self._password, self._key, self._switchboard = password, key, switchboard

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if self._switchboard.plan("sftp.connect").refuse:
            conn.abort()

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USER and compare_digest(password.encode(), self._password.encode())

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key == self._key


class _Sftp(asyncssh.SFTPServer):
    """The folder as the client sees it."""

    def __init__(self, channel: Any, mailbox: Mailbox, switchboard: Switchboard) -> None:
        super().__init__(channel, chroot=str(mailbox.root).encode())
        self._mailbox, self._switchboard = mailbox, switchboard

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        if pflags & _WRITE:
            _only_in(path)
        return await self._guard("sftp.open", lambda: super(_Sftp, self).open(path, pflags, attrs))

    async def open56(self, path: bytes, desired_access: int, flags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        raise asyncssh.SFTPOpUnsupported("this server speaks SFTP version 3")

    async def close(self, file_obj: object) -> None:
        super().close(file_obj)
        self._mailbox.wake()

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        _only_in(oldpath, newpath)
        await self._guard("sftp.rename", lambda: super(_Sftp, self).rename(oldpath, newpath))
        self._mailbox.wake()

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        _only_in(oldpath, newpath)
        await self._guard("sftp.rename", lambda: super(_Sftp, self).posix_rename(oldpath, newpath))
        self._mailbox.wake()

    async def remove(self, path: bytes) -> None:
        _only_in(path)
        await self._guard("sftp.remove", lambda: super(_Sftp, self).remove(path))

    async def stat(self, path: bytes) -> Any:
        return await self._guard("sftp.stat", lambda: super(_Sftp, self).stat(path))

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        await self._guard("sftp.list", lambda: None)
        async for name in super().scandir(path):
            yield name

    async def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Accepted and ignored, as banks do: the file's times are the bank's."""

    async def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        """Accepted and ignored."""

    async def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        raise asyncssh.SFTPPermissionDenied("folders are fixed")

    async def rmdir(self, path: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("folders are fixed")

    async def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no links")

    async def link(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no links")

    async def _guard(self, operation: str, work: Callable[[], Any]) -> Any:
        plan = self._switchboard.plan(operation)
        if plan.delay_ms:
            await asyncio.sleep(plan.delay_ms / 1000)
        if plan.refuse:
            raise asyncssh.SFTPFailure("the server is busy, try again later")
        try:
            result = work()
        finally:  # an error is an answer too
            if plan.after == "drop_answer":
                self._mailbox.wake()
                self.connection.abort()
        if plan.after == "error_500_after_work":
            self._mailbox.wake()
            raise asyncssh.SFTPFailure("internal error")
        return result


def _only_in(*paths: bytes) -> None:
    for path in paths:
        if not posixpath.normpath(b"/" + path).startswith(b"/in/"):
            raise asyncssh.SFTPPermissionDenied("clients write in in/ only")
