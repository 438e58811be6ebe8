"""People: accounts, sessions and API keys.

A person is known by a name that is never given to anybody else, and acts as ``person:<name>`` wherever a fact is
recorded, whether through a page or with a key of theirs. Of passwords, session tokens and keys only hashes are kept.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import cached_property
from threading import Lock
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Row, delete, insert, select, update

from tieout.engine.queries.database import Reach, connect
from tieout.engine.schema import API_KEY, PERSON, SESSION
from tieout.kernel.clock import Clock, from_micros, to_micros
from tieout.kernel.errors import PermanentError
from tieout.kernel.ids import fingerprint
from tieout.policy.duties import DUTIES, READ, Conflict, conflicts_among

IDLE = timedelta(hours=2)
"""A session ends when nobody has used it for so long …"""
LASTS = timedelta(hours=12)
"""… and at the latest after so long."""
REMEMBERED = timedelta(seconds=5)
"""A key that was verified is not looked up again for so long; when it is revoked elsewhere, it works as long here."""
KEY_PREFIX = "tieout"
PASSWORD_MIN = 12
KEY_DAYS_MAX = 400
_TOUCH = timedelta(minutes=2)
_REMEMBERED_MAX = 1_000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}", re.ASCII)
_KEY = re.compile(rf"{KEY_PREFIX}_([0-9a-f]{{16}})_([A-Za-z0-9-]{{43}})", re.ASCII)


class Person(Struct, frozen=True, kw_only=True):
    """Somebody who may sign in. No ``entities`` means all of them.

    With a ``supplier_id`` it is somebody at that supplier, who sees the supplier's own page and nothing else.
    """

    name: str
    display_name: str
    duties: tuple[str, ...]
    entities: tuple[str, ...] = ()
    active: bool = True
    supplier_id: str = ""

    @property
    def actor(self) -> str:
        """How facts and effects name this person."""
        return f"person:{self.name}"

    @property
    def reach(self) -> Reach:
        """The legal entities this person may see."""
        return self.entities or None


class Session(Struct, frozen=True, kw_only=True):
    """A person who has signed in, and when."""

    person: Person
    signed_in_at: datetime


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key as lists show it: never its secret."""

    key_id: str
    owner: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime


class _Verified(Struct, frozen=True):
    """A key that was found to be good: whose it is, when that was, and when it expires."""

    owner: Person
    at: datetime
    expires_at: datetime


#: Which conflicts of an account, for the legal entities it works for, no compensating control in force covers.
Uncovered = Callable[[tuple[Conflict, ...], str, Collection[str]], tuple[Conflict, ...]]


class People:
    """Accounts, sessions and keys in the store's database. ``uncovered`` knows the policy's compensating controls."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        hasher: PasswordHasher | None = None,
        uncovered: Uncovered = lambda conflicts, name, entities: conflicts,
    ) -> None:
        self._uncovered = uncovered
        self._engine = connect(url, connections_max=4, read_only=False)
        self._reading = connect(url, connections_max=4, read_only=True)
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self._remembered: dict[str, _Verified] = {}
        self._changes = 0
        self._lock = Lock()

    def close(self) -> None:
        self._engine.dispose()
        self._reading.dispose()

    # ── accounts ────────────────────────────────────────────────────────────────────────────────────────────────

    def add_person(
        self,
        name: str,
        display_name: str,
        password: str,
        duties: Collection[str],
        entities: Collection[str] = (),
        *,
        accept_conflicts: bool = False,
        supplier_id: str = "",
    ) -> Person:
        """Open an account. Duties that must not meet in one hand are refused, unless that is accepted knowingly.
        Somebody at a supplier has no duties here at all.

        Raises ``PermanentError`` that says what to change.
        """
        if not _NAME.fullmatch(name):
            raise PermanentError(f"the name {name!r} must be 2 to 64 of a-z, 0-9, dot, dash and underscore")
        if supplier_id and duties:
            raise PermanentError("somebody at a supplier can have no duties here; leave them out")
        self._check_duties(name, duties, entities, accept_conflicts)
        mark = self._hash(password)
        person = Person(
            name=name,
            display_name=display_name.strip() or name,
            duties=() if supplier_id else tuple(sorted({*duties, READ})),
            entities=tuple(sorted(set(entities))),
            supplier_id=supplier_id,
        )
        with self._engine.begin() as sql:
            if sql.execute(select(PERSON.c.name).where(PERSON.c.name == name)).first():
                raise PermanentError(f"there is an account {name} already; names are never given twice")
            sql.execute(
                insert(PERSON).values(
                    name=name,
                    display_name=person.display_name,
                    password_hash=mark,
                    duties=",".join(person.duties),
                    entities=",".join(person.entities),
                    active=True,
                    supplier_id=supplier_id,
                )
            )
        return person

    def _check_duties(
        self, name: str, duties: Collection[str], entities: Collection[str], accept_conflicts: bool
    ) -> None:
        unknown = sorted(set(duties) - set(DUTIES))
        if unknown:
            raise PermanentError(f"{', '.join(unknown)}: no such duty; there are {', '.join(DUTIES)}")
        if not accept_conflicts:
            self._refuse_conflicts(name, duties, entities)

    def _refuse_conflicts(self, name: str, duties: Collection[str], entities: Collection[str]) -> None:
        """Refuse duties that must not meet in one hand unless a compensating control in force names this account."""
        among = tuple(dict.fromkeys(conflicts_among({*duties, READ})))
        found = self._uncovered(among, name, entities)
        if found:
            pairs = "; ".join(
                f"{one} with {other}: {conflict.why}" for conflict in found for one, other in [conflict.duties]
            )
            raise PermanentError(f"these duties must not be in one hand ({pairs})")

    def _hash(self, password: str) -> str:
        if len(password) < PASSWORD_MIN:
            raise PermanentError(f"a password needs at least {PASSWORD_MIN} characters")
        return self._hasher.hash(password)

    def grant(self, name: str, duties: Collection[str], *, accept_conflicts: bool = False) -> None:
        """Give a person exactly these duties (and reading)."""
        known = self.person(name)
        if known is not None and known.supplier_id:
            raise PermanentError(f"{name} is somebody at a supplier and can have no duties here")
        self._check_duties(name, duties, known.entities if known else (), accept_conflicts)
        self._change(name, duties=",".join(sorted({*duties, READ})))

    def set_password(self, name: str, password: str) -> None:
        """Give a person a new password; all their sessions end."""
        self._change(name, password_hash=self._hash(password))
        self.sign_out_everywhere(name)

    def deactivate(self, name: str) -> None:
        """Close an account: it stays known, but nobody can sign in or use its keys."""
        self._change(name, active=False)
        self.sign_out_everywhere(name)

    def _change(self, name: str, **values: object) -> None:
        with self._engine.begin() as sql:
            if sql.execute(update(PERSON).where(PERSON.c.name == name).values(**values)).rowcount == 0:
                raise PermanentError(f"there is no account {name}")
        self._forget_keys()

    def person(self, name: str) -> Person | None:
        """An account, open or closed."""
        with self._reading.connect() as sql:
            row = sql.execute(select(PERSON).where(PERSON.c.name == name)).first()
        return _person(row) if row else None

    def everybody(self) -> tuple[Person, ...]:
        """All accounts."""
        with self._reading.connect() as sql:
            return tuple(_person(row) for row in sql.execute(select(PERSON).order_by(PERSON.c.name)))

    def verify(self, name: str, password: str) -> Person | None:
        """The person, if the password is theirs and the account open. Takes as long for a name that nobody has."""
        with self._reading.connect() as sql:
            row = sql.execute(select(PERSON).where(PERSON.c.name == name)).first()
        try:
            self._hasher.verify(row.password_hash if row else self._nobody, password)
        except (VerificationError, InvalidHashError):
            return None
        if row is None or not row.active:
            return None
        if self._hasher.check_needs_rehash(row.password_hash):
            self._change(name, password_hash=self._hasher.hash(password))
        return _person(row)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash(secrets.token_hex())

    # ── sessions ────────────────────────────────────────────────────────────────────────────────────────────────

    def sign_in(self, person: Person) -> str:
        """Begin a session and return its token, of which only the hash is kept."""
        token, now = secrets.token_urlsafe(32), self._clock.now()
        with self._engine.begin() as sql:
            sql.execute(delete(SESSION).where(SESSION.c.created_at <= to_micros(now - LASTS)))
            sql.execute(
                insert(SESSION).values(
                    token_hash=fingerprint(token.encode()),
                    person=person.name,
                    created_at=to_micros(now),
                    seen_at=to_micros(now),
                )
            )
        return token

    def session(self, token: str) -> Session | None:
        """Whose session this is, if it still lasts and the account is open."""
        mark, now = fingerprint(token.encode()), self._clock.now()
        with self._reading.connect() as sql:
            row = sql.execute(
                select(SESSION.c.created_at, SESSION.c.seen_at, *PERSON.c)
                .join(PERSON, PERSON.c.name == SESSION.c.person)
                .where(SESSION.c.token_hash == mark, PERSON.c.active)
            ).first()
        if row is None:
            return None
        created_at, seen_at = from_micros(row.created_at), from_micros(row.seen_at)
        if now - created_at > LASTS or now - seen_at > IDLE:
            return None
        if now - seen_at > _TOUCH:
            with self._engine.begin() as sql:
                sql.execute(update(SESSION).where(SESSION.c.token_hash == mark).values(seen_at=to_micros(now)))
        return Session(person=_person(row), signed_in_at=created_at)

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._engine.begin() as sql:
            sql.execute(delete(SESSION).where(SESSION.c.token_hash == fingerprint(token.encode())))

    def sign_out_everywhere(self, name: str) -> None:
        """End all sessions of a person."""
        with self._engine.begin() as sql:
            sql.execute(delete(SESSION).where(SESSION.c.person == name))

    # ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────

    def add_key(self, owner: str, scopes: Collection[str], *, days: int = 90, accept_conflicts: bool = False) -> str:
        """Make a key for a person, with some of their duties, and return it: the only time it is shown.

        A machine that holds the key has all these duties in one hand, so those that conflict are refused as well.
        """
        person = self.person(owner)
        if person is None or not person.active:
            raise PermanentError(f"there is no open account {owner}")
        beyond = sorted(set(scopes) - set(person.duties))
        if beyond:
            raise PermanentError(f"{owner} does not have {', '.join(beyond)}; a key cannot do more than its owner")
        if not accept_conflicts:
            self._refuse_conflicts(owner, scopes, person.entities)
        if not 1 <= days <= KEY_DAYS_MAX:
            raise PermanentError(f"a key lasts 1 to {KEY_DAYS_MAX} days, not {days}")
        key_id, now = secrets.token_hex(8), self._clock.now()
        secret = secrets.token_urlsafe(32).replace("_", "-")
        with self._engine.begin() as sql:
            sql.execute(
                insert(API_KEY).values(
                    id=key_id,
                    secret_hash=fingerprint(secret.encode()),
                    owner=owner,
                    scopes=",".join(sorted({*scopes, READ})),
                    created_at=to_micros(now),
                    expires_at=to_micros(now + timedelta(days=days)),
                )
            )
        return f"{KEY_PREFIX}_{key_id}_{secret}"

    def key_owner(self, key: str) -> Person | None:
        """The owner of a key, with no more duties than the key has; ``None`` when it is unknown, expired or revoked."""
        match = _KEY.fullmatch(key)
        if match is None:
            return None
        if kept := self.remembered(key):
            return kept
        changes = self._changes
        row = self._read_key(match[1])
        known = row.secret_hash if row else "0" * 64
        if not hmac.compare_digest(known, fingerprint(match[2].encode())) or row is None:
            return None
        now, expires_at = self._clock.now(), from_micros(row.expires_at)
        if expires_at <= now:
            return None
        person = _person(row)
        owner = replace(person, duties=tuple(sorted(set(person.duties) & set(row.scopes.split(",")))))
        with self._lock:
            if self._changes == changes:  # else somebody changed accounts or keys while we were reading
                if len(self._remembered) >= _REMEMBERED_MAX:
                    self._remembered.clear()
                self._remembered[fingerprint(key.encode())] = _Verified(owner, now, expires_at)
        return owner

    def remembered(self, key: str) -> Person | None:
        """The owner of a key that was verified a moment ago; ``None`` says nothing about the key. Never waits."""
        with self._lock:
            kept = self._remembered.get(fingerprint(key.encode()))
        now = self._clock.now()
        if kept is None or not kept.at <= now < min(kept.at + REMEMBERED, kept.expires_at):
            return None
        return kept.owner

    def _read_key(self, key_id: str) -> Row[Any] | None:
        with self._reading.connect() as sql:
            return sql.execute(
                select(API_KEY.c.secret_hash, API_KEY.c.scopes, API_KEY.c.expires_at, *PERSON.c)
                .join(PERSON, PERSON.c.name == API_KEY.c.owner)
                .where(API_KEY.c.id == key_id, PERSON.c.active)
            ).first()

    def _forget_keys(self) -> None:
        with self._lock:
            self._changes += 1
            self._remembered.clear()

    def keys(self, owner: str = "") -> tuple[ApiKey, ...]:
        """The keys of a person, or of everybody."""
        query = select(API_KEY).order_by(API_KEY.c.created_at)
        if owner:
            query = query.where(API_KEY.c.owner == owner)
        with self._reading.connect() as sql:
            return tuple(
                ApiKey(
                    key_id=row.id,
                    owner=row.owner,
                    scopes=tuple(row.scopes.split(",")),
                    created_at=from_micros(row.created_at),
                    expires_at=from_micros(row.expires_at),
                )
                for row in sql.execute(query)
            )

    def revoke_key(self, key_id: str) -> None:
        """End a key at once."""
        with self._engine.begin() as sql:
            if sql.execute(delete(API_KEY).where(API_KEY.c.id == key_id)).rowcount == 0:
                raise PermanentError(f"there is no key {key_id}")
        self._forget_keys()


def _person(row: Row[Any]) -> Person:
    return Person(
        name=row.name,
        display_name=row.display_name,
        duties=tuple(filter(None, row.duties.split(","))),
        entities=tuple(filter(None, row.entities.split(","))),
        active=row.active,
        supplier_id=row.supplier_id,
    )
