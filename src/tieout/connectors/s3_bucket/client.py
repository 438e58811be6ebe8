"""Talks to a bucket: lists, reads, copies, deletes, puts. Knows no business.

Objects are whole or not there, so nothing has to settle. What was listed is read only as long as its ETag is the same.
"""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import obstore
import structlog
from msgspec import Struct
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from tieout.connectors.channels import AnswerLostError, Arrival, FileError, InTray, OutTray, Placed, Spool
from tieout.connectors.channels.names import put_away_as
from tieout.connectors.channels.trays import ChannelClient, plain_name
from tieout.connectors.s3_bucket.config import BucketConfig
from tieout.kernel.clock import to_micros
from tieout.kernel.errors import ConfigError, TransientError
from tieout.ports import Taken

LOG = structlog.get_logger("tieout.connectors.s3_bucket")

_PAGE = 1000
_PIECE = 4 << 20
_LONG = timedelta(hours=1)


class Keys(Struct, frozen=True):
    """The secrets behind the references of the configuration. They appear in nothing that is shown."""

    secret_access_key: str = ""
    session_token: str = ""

    def __repr__(self) -> str:
        return "Keys(…)"


class Bucket(ChannelClient, InTray, OutTray):
    """One bucket. Threads may share it."""

    def __init__(self, config: BucketConfig, keys: Keys, base: Path) -> None:
        self._config = config
        self._where = f"bucket {config.bucket}"
        self._hidden = 0
        self._store = _store(config, keys, base)

    @contextmanager
    def receiving(self) -> Iterator[InTray]:
        """Look under the inbox's prefix."""
        yield self

    @contextmanager
    def sending(self) -> Iterator[OutTray]:
        """Look under the outbox's prefix."""
        yield self

    def close(self) -> None:
        """Nothing to hang up: the store keeps its own connections."""

    # ── coming in ───────────────────────────────────────────────────────────────────────────────────────────────

    def listing(self) -> Iterator[Arrival]:
        """Every object under the prefix, page after page. (Marks of folders, which consoles make, are none.)"""
        prefix = self._config.inbox.strip("/")
        self._hidden = 0
        with self._said():
            try:
                for page in obstore.list(self._store, prefix=prefix, chunk_size=_PAGE):
                    for seen in page:
                        if seen["size"] or (seen["path"] != prefix and self._there(seen["path"])):
                            yield _arrival(prefix, seen)
            except InvalidPathError as error:
                self._hidden = 1
                advice = "rename or delete the object: no listing gets past it"
                LOG.error("key_not_readable", bucket=self._config.bucket, error=_first_line(error), advice=advice)

    def _there(self, path: str) -> bool:
        try:
            obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        return True

    def fetch(self, arrival: Arrival, spool: Spool) -> bool:
        """Read the very version that was listed, in pieces."""
        path = posixpath.join(self._config.inbox.strip("/"), arrival.place)
        with self._said():
            try:
                found = obstore.get(self._store, path, options={"if_match": arrival.version})
                for piece in found.stream(min_chunk_size=_PIECE):
                    spool.add(bytes(piece))
            except (FileNotFoundError, PreconditionError):
                return False
            except PermissionDeniedError as error:
                raise FileError(f"{arrival.name}: {_first_line(error)}") from error
        return spool.size == arrival.size

    def put_away(self, arrival: Arrival, taken: Taken) -> None:
        """Copy it to the done prefix, if so configured, and delete it; another version that came meanwhile stays."""
        path = posixpath.join(self._config.inbox.strip("/"), arrival.place)
        with self._said():
            try:
                if self._config.after == "keep" or obstore.head(self._store, path)["e_tag"] != arrival.version:
                    return
                if self._config.after == "move":
                    plain = posixpath.join(self._config.done.strip("/"), arrival.place)
                    obstore.copy(self._store, path, put_away_as(plain, taken.mark, self._there))
                obstore.delete(self._store, path)
            except FileNotFoundError:
                return
            except PermissionDeniedError as error:
                raise FileError(f"{arrival.name} is taken but cannot be put away: {_first_line(error)}") from error

    def ignore(self, arrival: Arrival) -> None:
        """An object stays where it is."""

    def leave(self, arrival: Arrival, seconds: float) -> None:
        """An object waits by itself."""

    def behind(self) -> int:
        """A listing shows everything, unless a key stopped it."""
        return self._hidden

    # ── going out ───────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, name: str, body: bytes) -> Placed | None:
        """Under the outbox's prefix, then under the archive's: in the order in which the partner moves it."""
        for prefix in filter(None, (self._config.outbox, self._config.archive)):
            path = posixpath.join(prefix.strip("/"), name)
            with self._said():
                try:
                    found = obstore.get(self._store, path)
                    same = found.meta["size"] == len(body) and _hash(found) == sha256(body).digest()
                except FileNotFoundError:
                    continue
            return Placed(path, same)
        return None

    def place(self, name: str, body: bytes, media_type: str) -> Placed:
        """Put it, whole or not at all. The store refuses when an object has this key: then that one is looked at."""
        path = posixpath.join(self._config.outbox.strip("/"), name)
        create: dict[str, Any] = {"mode": "create"} if self._config.conditional_put else {}
        try:
            obstore.put(self._store, path, body, use_multipart=False, attributes={"Content-Type": media_type}, **create)
        except AlreadyExistsError:
            found = self.find(name, body)
            if found is None:
                raise AnswerLostError(f"{path}: an object was there and is gone") from None
            return found
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise ConfigError(f"{self._where}: access denied; check its keys and policy") from error
        except FileNotFoundError as error:
            raise ConfigError(f"{self._where} does not exist: {_first_line(error)}") from error
        except BaseError as error:
            if isinstance(error, NotSupportedError) or "501 Not Implemented" in str(error):
                advice = "set conditional_put = false if the store cannot refuse to write over an object"
                raise ConfigError(f"{self._where}: {_first_line(error)}; {advice}") from error
            raise AnswerLostError(f"{path}: {_first_line(error)}") from error
        return Placed(path)

    # ── what went wrong ─────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _said(self) -> Iterator[None]:
        """In the words of the engine. None of these calls changes what the partner sees."""
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise ConfigError(f"{self._where}: access denied; check its keys and policy") from error
        except BaseError as error:
            if "NoSuchBucket" in str(error):
                raise ConfigError(f"{self._where} does not exist; make it, or correct the setting") from error
            raise TransientError(f"{self._where}: {_first_line(error)}") from error


def _store(config: BucketConfig, keys: Keys, base: Path) -> S3Store:
    options: Any = {
        "allow_http": config.endpoint_url.startswith("http://"),
        "connect_timeout": timedelta(seconds=config.timeout_seconds),
        "read_timeout": timedelta(seconds=config.timeout_seconds),
        "timeout": _LONG,
    }
    if config.ca_file:
        options["root_certificate"] = (base / config.ca_file).read_bytes()
    said: dict[str, Any] = {
        "endpoint": config.endpoint_url,
        "access_key_id": config.access_key_id,
        "secret_access_key": keys.secret_access_key,
        "session_token": keys.session_token,
    }
    return S3Store(
        config.bucket,
        region=config.region,
        client_options=options,
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=config.timeout_seconds)},
        **{name: value for name, value in said.items() if value},
    )


def _arrival(prefix: str, seen: Any) -> Arrival:
    place = posixpath.relpath(seen["path"], prefix) if prefix else seen["path"]
    return Arrival(
        name=plain_name(place),
        place=place,
        size=seen["size"],
        modified=to_micros(seen["last_modified"]),
        version=seen["e_tag"] or "",
        finished=True,
    )


def _hash(found: Any) -> bytes:
    hashed = sha256()
    for piece in found.stream(min_chunk_size=_PIECE):
        hashed.update(piece)
    return hashed.digest()


def _first_line(error: BaseException) -> str:
    """What the store says, without the technical rest of it."""
    return str(error).partition("\n")[0]
