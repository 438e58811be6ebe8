"""Talks to Tryton over JSON-RPC; knows no business.

What matters to a caller is *how sure* we are after a failure:

* :class:`~tieout.kernel.errors.TransientError`: the ERP certainly did nothing (connection refused,
  503, a lost race); ask again.
* :class:`RefusalError`: the ERP certainly did nothing, and will not (a rule of the ERP, with its words).
* :class:`AnswerLostError`: the request left us and no answer came back; it may have been done.
"""

import base64
import gzip
import itertools
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx2

from tieout.kernel.errors import ConfigError, PermanentError, TieoutError, TransientError
from tieout.policy.identifiers import masked_iban

Values = dict[str, Any]
Domain = Sequence[Any]

#: What Tryton calls with a session that may not be older than five minutes answer when it is.
_UNAUTHORIZED = 401
#: Answers that prove that the call was not carried out, and that it may be made again.
_NOT_DONE = frozenset({429, 503})
#: Answers that a broken call, a proxy or a time limit give: they prove nothing.
_PROVES_NOTHING = frozenset({500, 502, 504})
_MESSAGE_LENGTH_MAX = 500
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.ASCII)
_MD5_LENGTH = 32
_PAGE_SIZE = 1000
#: Of our own preferences, what Tryton wants to hear again with every call (the rest is for screens).
_CONTEXT_FIELDS = ("language", "company", "companies", "company_filter", "employee", "groups")


class AnswerLostError(TieoutError):
    """The request was sent and no answer came back. It may have been carried out; look before repeating."""


class RefusalError(PermanentError):
    """The ERP said no and did nothing. ``str`` is what it said, shortened."""


class UnansweredWarningError(RefusalError):
    """The ERP asked "are you sure?" and nobody allowed us to say yes. ``kind`` names the question."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{message} (warning {kind!r})")
        self.kind = kind


def encode(value: object) -> Any:
    """A value in the form Tryton reads: dates, decimals and bytes become tagged objects."""
    match value:
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case datetime():
            moment = value.timetuple()[:6]
            names = ("year", "month", "day", "hour", "minute", "second")
            return {
                "__class__": "datetime",
                **dict(zip(names, moment, strict=True)),
                "microsecond": value.microsecond,
            }
        case date():
            return {
                "__class__": "date",
                "year": value.year,
                "month": value.month,
                "day": value.day,
            }
        case timedelta():
            return {"__class__": "timedelta", "seconds": value.total_seconds()}
        case bytes():
            return {"__class__": "bytes", "base64": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"{type(value).__name__} has no form in Tryton's JSON-RPC")


def decode(tagged: dict[str, Any]) -> Any:
    """The value behind a tagged object; any other object as it is."""
    match tagged.get("__class__"):
        case "Decimal":
            return Decimal(tagged["decimal"])
        case "date":
            return date(tagged["year"], tagged["month"], tagged["day"])
        case "datetime":
            names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return datetime(*(tagged[name] for name in names))
        case "timedelta":
            return timedelta(seconds=tagged["seconds"])
        case "bytes":
            return base64.b64decode(tagged["base64"])
    return tagged


class TrytonClient:
    """One user of one Tryton database. Not to be shared between threads."""

    def __init__(
        self,
        url: str,
        database: str,
        user: str,
        password: str,
        *,
        timeout_seconds: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._database = database
        self._user = user
        self._password = password
        self._http = httpx2.Client(
            base_url=url,
            timeout=httpx2.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds)),
            transport=transport,
            headers={"Content-Type": "application/json", "Accept-Encoding": "gzip"},
            # A kept connection that the server has closed looks like a lost answer. Do not keep it.
            limits=httpx2.Limits(max_connections=4, keepalive_expiry=2.0),
        )
        self._ids = itertools.count(1)
        self._authorization = ""
        self._context: Values = {}
        self.user_id = 0
        self.call_count = 0

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ── sessions ──────────────────────────────────────────────────────────────────────────────

    @property
    def context(self) -> Values:
        """What every call says about us: language, companies, employee. Logs in if nobody has."""
        self._login_once()
        return dict(self._context)

    def reload_context(self) -> None:
        """Read our own preferences again (after companies or the employee have changed)."""
        self._context = {}
        self._login_once()

    def _login_once(self) -> None:
        if not self._authorization:
            self._login()
        if not self._context:
            preferences = self._call("model.res.user.get_preferences", [True, {}], write=False)
            self._context = {name: preferences[name] for name in _CONTEXT_FIELDS if name in preferences}

    def _login(self) -> None:
        parameters = [self._user, {"password": self._password}, "en"]
        try:
            self.user_id, session, *_ = self._exchange("common.db.login", parameters)
        except _UnauthorizedError:
            raise ConfigError(
                f"Tryton database {self._database!r} refuses user {self._user!r}: check the user name and the secret"
            ) from None
        except AnswerLostError as lost:  # A login changes nothing that matters.
            raise TransientError(str(lost)) from lost
        ticket = f"{self._user}:{self.user_id}:{session}"
        self._authorization = "Session " + base64.b64encode(ticket.encode()).decode("ascii")

    # ── calls ─────────────────────────────────────────────────────────────────────────────────

    def ask(self, method: str, *arguments: Any, context: Mapping[str, Any] | None = None) -> Any:
        """Call something that changes nothing. Whatever goes wrong on the way may be asked again."""
        self._login_once()
        return self._call(method, [*arguments, {**self._context, **(context or {})}], write=False)

    def tell(
        self,
        method: str,
        *arguments: Any,
        context: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
    ) -> Any:
        """Call something that changes the ERP.

        ``allow`` names the kinds of warning that may be answered with "yes" (such as
        ``invoice_similar``); any other warning is a refusal.
        """
        self._login_once()
        parameters = [*arguments, {**self._context, **(context or {})}]
        allowed = frozenset(allow)
        confirmed: set[str] = set()
        while True:
            try:
                return self._call(method, parameters, write=True)
            except _AskedError as question:
                kind = question.kind
                if kind not in allowed or question.name in confirmed:
                    raise UnansweredWarningError(kind, question.text) from None
                confirmed.add(question.name)
                self._confirm(question.name)

    def _confirm(self, name: str) -> None:
        warning = {"user": self.user_id, "name": name, "always": False}
        self._call("model.res.user.warning.create", [[warning], self._context], write=True)

    def _call(self, method: str, parameters: list[Any], *, write: bool) -> Any:
        try:
            try:
                return self._exchange(method, parameters)
            except _UnauthorizedError:  # The session is too old for this call; a new one is enough.
                self._login()
                return self._exchange(method, parameters)
        except _UnauthorizedError:
            raise ConfigError(f"Tryton refuses user {self._user!r} to call {method}") from None
        except AnswerLostError as lost:
            if write:
                raise
            raise TransientError(str(lost)) from lost

    def _exchange(self, method: str, parameters: list[Any]) -> Any:
        body = {"id": next(self._ids), "method": method, "params": parameters}
        status, raw = self._send(method, json.dumps(body, default=encode).encode())
        if status != httpx2.codes.OK:
            raise _error_of_status(status, method)
        try:
            answer = json.loads(_unzipped(raw), object_hook=decode)
        except (ValueError, EOFError, zlib.error, KeyError) as error:
            raise AnswerLostError(f"{method}: the answer is not whole ({error})") from error
        if isinstance(answer, dict) and "error" in answer:
            raise _error_of_answer(answer["error"], method)
        if not isinstance(answer, dict) or "result" not in answer:
            raise AnswerLostError(f"{method}: the answer is not one of Tryton's")
        return answer["result"]

    def _send(self, method: str, body: bytes) -> tuple[int, bytes]:
        """Send one request; bytes as they came, because Tryton says gzip where it did not."""
        self.call_count += 1
        headers = {"Authorization": self._authorization} if self._authorization else {}
        try:
            with self._http.stream("POST", f"/{self._database}/rpc/", content=body, headers=headers) as response:
                return response.status_code, b"".join(response.iter_raw())
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise TransientError(f"{method}: Tryton cannot be reached ({error})") from error
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise ConfigError(f"Tryton's address is not usable: {error}") from error
        except httpx2.TransportError as error:
            name = type(error).__name__
            raise AnswerLostError(f"{method}: no answer ({name} {error})") from error

    # ── records ───────────────────────────────────────────────────────────────────────────────

    def search_read(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        limit: int | None = None,
        order: Sequence[tuple[str, str]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[Values]:
        """The records that satisfy the domain, with these fields and always ``id``."""
        rows: list[Values] = self.ask(
            f"model.{model}.search_read",
            domain,
            0,
            limit,
            order,
            list(fields),
            context=context,
        )
        return rows

    def search(self, model: str, domain: Domain, *, limit: int | None = None) -> list[int]:
        """The ids of the records that satisfy the domain."""
        ids: list[int] = self.ask(f"model.{model}.search", domain, 0, limit, None)
        return ids

    def read(
        self,
        model: str,
        ids: Sequence[int],
        fields: Sequence[str],
        *,
        context: Mapping[str, Any] | None = None,
    ) -> list[Values]:
        """These fields of these records, in the order asked for."""
        if not ids:
            return []
        asked = list(dict.fromkeys(ids))  # Tryton refuses to read a record twice.
        rows: list[Values] = self.ask(f"model.{model}.read", asked, list(fields), context=context)
        by_id = {row["id"]: row for row in rows}
        return [by_id[record_id] for record_id in ids]

    def scan(
        self, model: str, domain: Domain, fields: Sequence[str], *, context: Mapping[str, Any] | None = None
    ) -> Iterator[Values]:
        """All records that satisfy the domain, however many, a page at a time in the order of their ids."""
        last = 0
        while True:
            page = self.search_read(
                model,
                [*domain, ("id", ">", last)],
                fields,
                limit=_PAGE_SIZE,
                order=[("id", "ASC")],
                context=context,
            )
            yield from page
            if len(page) < _PAGE_SIZE:
                return
            last = page[-1]["id"]

    def create(
        self,
        model: str,
        values: Sequence[Values],
        *,
        context: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
    ) -> list[int]:
        """Create records in one unit of work of the ERP: all or none."""
        ids: list[int] = self.tell(f"model.{model}.create", list(values), context=context, allow=allow)
        return ids

    def write(
        self,
        model: str,
        ids: Sequence[int],
        values: Values,
        *,
        context: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
    ) -> None:
        """Change records."""
        self.tell(f"model.{model}.write", list(ids), values, context=context, allow=allow)

    def write_each(
        self, model: str, changes: Sequence[tuple[int, Values]], *, context: Mapping[str, Any] | None = None
    ) -> None:
        """Change several records, each in its own way, in one unit of work of the ERP."""
        if changes:
            pairs = [part for record_id, values in changes for part in ([record_id], values)]
            self.tell(f"model.{model}.write", *pairs, context=context)

    def delete(self, model: str, ids: Sequence[int], *, context: Mapping[str, Any] | None = None) -> None:
        """Delete records (drafts; Tryton refuses to delete anything that is in the books)."""
        if ids:
            self.tell(f"model.{model}.delete", list(ids), context=context)

    def press(
        self,
        model: str,
        button: str,
        ids: Sequence[int],
        *,
        context: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
    ) -> None:
        """Press a button on records, such as ``post``: one unit of work, all or none."""
        if not ids:
            return
        self.tell(f"model.{model}.{button}", list(ids), context=context, allow=allow)

    def run_wizard(
        self,
        name: str,
        steps: Sequence[tuple[str, Values]],
        *,
        context: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
    ) -> list[Any]:
        """Walk through a wizard: each step is a state and the data of the forms filled in so far."""
        session_id, *_ = self.tell(f"wizard.{name}.create", context=context)
        answers = [
            self.tell(f"wizard.{name}.execute", session_id, data, state, context=context, allow=allow)
            for state, data in steps
        ]
        with suppress(AnswerLostError, TransientError):  # It only tidies up, and Tryton does so by itself some day.
            self.tell(f"wizard.{name}.delete", session_id, context=context)
        return answers


class _UnauthorizedError(Exception):
    """The session is unknown or too old."""


class _AskedError(Exception):
    """A ``UserWarning``: ``name`` is the key to confirm it by, ``kind`` what it asks."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.text = text
        self.kind = _kind_of_warning(name)


def _kind_of_warning(name: str) -> str:
    """Names are mostly "<md5 of the records>.<kind>", such as ``8f3c….invoice_similar``, or "<record>.<kind>"."""
    digest, _, kind = name.partition(".")
    return kind if len(digest) == _MD5_LENGTH and kind else name.rpartition(".")[2]


def _unzipped(raw: bytes) -> bytes:
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


def _error_of_status(status: int, method: str) -> Exception:
    if status == _UNAUTHORIZED:
        return _UnauthorizedError()
    if status in _NOT_DONE:
        return TransientError(f"{method}: Tryton is busy (HTTP {status})")
    if status in _PROVES_NOTHING:
        return AnswerLostError(f"{method}: HTTP {status} does not say whether it was done")
    return ConfigError(f"{method}: HTTP {status}; check the address, database and access rights")


def _error_of_answer(error: Any, method: str) -> Exception:
    """Tryton answers 200 to business errors too; the body says what they are."""
    kind, *arguments = error if isinstance(error, list) and error else [str(error)]
    details = arguments[0] if arguments else ""
    words = details if isinstance(details, list) else [details]
    match kind:
        case "UserError":
            return RefusalError(_spoken(words[:2]))
        case "UserWarning":
            name, *text = words
            return _AskedError(str(name), _spoken(text[:2]))
        case "ConcurrencyException":
            return TransientError(f"{method}: somebody else changed the record meanwhile")
    return RefusalError(f"{method}: {_spoken([kind])}")


def _spoken(words: Iterable[Any]) -> str:
    """The ERP's own words on one line, without bank details; it can send whole field definitions, so only the start."""
    text = " ".join(str(word) for word in words if word and isinstance(word, str))
    hidden = _IBAN.sub(lambda found: masked_iban(found[0].replace(" ", "")), " ".join(text.split()))
    return hidden[:_MESSAGE_LENGTH_MAX]
