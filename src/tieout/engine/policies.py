"""Which policy is in force? Every worker answers that alike, from the book of releases in the log.

The book is read again at most once a second, by primary key; a release takes effect ten seconds after its approval at
the earliest (:data:`tieout.policy.book.LEAD`), so whoever records an event knows by then what was approved. Without any
release the configuration's file is the policy.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

import msgspec

from tieout.engine.stores.port import Store
from tieout.kernel.errors import ConfigError
from tieout.policy.authorship import Authorship, Settings, control_setting, origins, settings_of
from tieout.policy.duties import Act
from tieout.policy.load import Loaded, load
from tieout.policy.policy import Policy
from tieout.processes.policy_release import PROCESS, SUBJECT, TEXT, State, Text

LOOK_EVERY = timedelta(seconds=1)
_BOOK = (PROCESS.name, SUBJECT)
_STATE = msgspec.json.Decoder(State)
_TEXT = msgspec.json.Decoder(Text)


def releases_of(store: Store) -> State:
    """All releases that a store knows, and the book, as they stand now."""
    found = store.states([_BOOK]).get(_BOOK)
    return _STATE.decode(found) if found else State()


class Policies(Protocol):
    """Whatever knows the policy in force at a moment: a :class:`Policy` alone, or the releases of a company."""

    def at(self, moment: datetime) -> Policy:
        """The policy in force then."""
        ...

    def authorship_at(self, moment: datetime) -> Authorship:
        """Who stands behind it, and behind those that were in force before."""
        ...


class Ruling:
    """The releases of one company. Safe to use from several threads."""

    def __init__(self, store: Store, file: Callable[[], Loaded]) -> None:
        self._store = store
        self._file = file
        self._lock = Lock()
        self._looked: datetime | None = None
        self._seen: bytes | None = None
        self._state = State()
        self._loaded: dict[str, Loaded] = {}
        self._known: tuple[str, Authorship] | None = None

    def at(self, moment: datetime) -> Policy:
        """The policy in force at a moment. Raises ``ConfigError`` when there is none, or it cannot be read."""
        return self.loaded_at(moment).policy

    def loaded_at(self, moment: datetime) -> Loaded:
        """The policy in force at a moment, with its text and where each setting comes from."""
        with self._lock:
            self._refresh(moment)
            return self._of(self._state.in_force(moment))

    def release_at(self, moment: datetime) -> str:
        """The name of the release in force at a moment; empty without releases. It is the version that its policy had
        when it was drafted: the version of now is another one when a dialect in use has changed since."""
        with self._lock:
            self._refresh(moment)
            return self._state.in_force(moment)

    def authorship_at(self, moment: datetime) -> Authorship:
        """Who stands behind the policy in force at a moment, and behind every release before; nobody is known to have
        written a file."""
        with self._lock:
            self._refresh(moment)
            current = self._state.in_force(moment)
            if self._known is None or self._known[0] != current:
                self._known = current, self._authorship(current, moment)
            return self._known[1]

    def _authorship(self, current: str, moment: datetime) -> Authorship:
        state = self._state
        came_from = origins(((entry.release, entry.below) for entry in state.book), self._settings)
        behind: dict[str, tuple[Act, ...]] = {}
        for name, settings in came_from.items():
            written = (act for one in (name, *settings.values()) for act in state.releases[one].authors)
            acts = tuple(dict.fromkeys((*written, *state.returners(name, moment))))
            behind |= dict.fromkeys((name, self._version(name)), acts)
        granted = {
            control.name: state.releases[came_from[current][control_setting(control.name)]].authors
            for control in (self._of(current).policy.controls if current else ())
        }
        return Authorship(behind.get(current, ()), behind, granted)

    def _settings(self, release: str) -> Settings:
        """What a release says; nothing of one that can no longer be read."""
        try:
            return settings_of(self._of(release).policy)
        except ConfigError:
            return {}

    def _version(self, release: str) -> str:
        """The version that events carry: another than the name when a dialect in use has changed since its draft."""
        try:
            return self._of(release).policy.version
        except ConfigError:
            return release

    def release(self, version: str) -> Loaded:
        """A release by its version. Raises ``ConfigError`` when it is not known or can no longer be read."""
        with self._lock:
            return self._of(version)

    def releases(self) -> State:
        """All releases and the book, as they stand now."""
        return releases_of(self._store)

    def _refresh(self, moment: datetime) -> None:
        if self._looked is not None and timedelta(0) <= moment - self._looked < LOOK_EVERY:
            return
        found = self._store.states([_BOOK]).get(_BOOK)
        if found != self._seen:
            self._seen, self._state = found, _STATE.decode(found) if found else State()
            self._loaded.pop("", None)
            self._known = None
        self._looked = moment

    def _of(self, version: str) -> Loaded:
        loaded = self._loaded.get(version)
        if loaded is None:
            loaded = self._loaded[version] = load(self.text(version)) if version else self._file()
        return loaded

    def text(self, version: str) -> str:
        """What was written, of any release ever drafted. Raises ``ConfigError`` when there is no such release."""
        key = (TEXT.name, version)
        found = self._store.states([key]).get(key)
        if found is None:
            raise ConfigError(f"there is no release {version} of the policy; `tieout policy list` shows them")
        return _TEXT.decode(found).text
