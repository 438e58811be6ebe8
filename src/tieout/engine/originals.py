"""Originals: the bytes of every document as they came, by their SHA-256, in an object store (by default a folder)."""

from contextlib import suppress
from typing import Any

from tieout.kernel.errors import PermanentError
from tieout.kernel.ids import fingerprint


class Originals:
    """Keeps bytes under their hash; keeping the same bytes twice keeps them once."""

    def __init__(self, store: Any) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str) -> "Originals":
        """Open an object store: ``file:///…``, ``memory:///``, ``s3://bucket`` … (whatever obstore can reach)."""
        from obstore.store import from_url

        return cls(from_url(url, mkdir=True) if url.startswith("file:") else from_url(url))

    def keep(self, body: bytes) -> str:
        """Keep bytes and return their SHA-256 in hex."""
        import obstore

        mark = fingerprint(body)
        with suppress(obstore.exceptions.AlreadyExistsError):
            obstore.put(self._store, _path(mark), body, mode="create")
        return mark

    def fetch(self, mark: str) -> bytes:
        """The bytes with this hash. Raises ``PermanentError`` when they are missing or no longer what they were."""
        import obstore

        try:
            body = bytes(obstore.get(self._store, _path(mark)).bytes())
        except FileNotFoundError as error:
            raise PermanentError(f"the original {mark} is not in the object store; restore it from a backup") from error
        if fingerprint(body) != mark:
            raise PermanentError(f"the original {mark} has been changed since it was received")
        return body


def _path(mark: str) -> str:
    return f"{mark[:2]}/{mark}"
