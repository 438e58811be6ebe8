"""How sure we are after each kind of answer. The answers are those Tryton 8.2 gave when it was asked."""

import gzip
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from tieout.connectors.tryton.client import (
    AnswerLostError,
    RefusalError,
    TrytonClient,
    UnansweredWarningError,
    decode,
    encode,
)
from tieout.kernel.errors import ConfigError, TransientError

Answer = Callable[[str, list[Any]], httpx2.Response]
SIMILAR = "9f86d081884c7d659a2feaa0c55ad015.invoice_similar"


def ok(result: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"id": 1, "result": result})


def error(*details: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"id": 1, "error": list(details)})


class Tryton:
    """Answers by method; logging in always works, and preferences are short."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("__", "."): answer for name, answer in answers.items()}
        self.calls: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        method, parameters = body["method"], body["params"]
        self.calls.append(method)
        if method == "common.db.login" and method not in self.answers:
            return _on_the_wire(ok([7, f"session-{self.calls.count(method)}", None]))
        if method == "model.res.user.get_preferences":
            return _on_the_wire(ok({"company": 1, "language": "en", "locale": {"much": "noise"}}))
        answer = self.answers[method]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return _on_the_wire(answer(parameters) if callable(answer) else answer)


def _on_the_wire(response: httpx2.Response) -> httpx2.Response:
    """The same answer with its bytes still to come, as a socket gives it."""
    raw = response.extensions.get("raw", response.content)
    return httpx2.Response(response.status_code, headers=response.headers, stream=httpx2.ByteStream(raw))


def client_of(tryton: Tryton) -> TrytonClient:
    return TrytonClient("http://erp.example", "db", "user", "secret", transport=httpx2.MockTransport(tryton))


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.2300"),
        date(2026, 5, 31),
        datetime(2026, 5, 31, 23, 59, 58, 123456),
        timedelta(days=2, seconds=3),
        b"\x00\xff",
    ],
)
def test_values_come_back_as_they_went(value: object) -> None:
    assert json.loads(json.dumps({"value": value}, default=encode), object_hook=decode) == {"value": value}


def test_what_has_no_form_is_not_sent() -> None:
    with pytest.raises(TypeError, match="set has no form"):
        encode({1})


def test_every_call_carries_the_context_and_only_what_matters_of_it() -> None:
    seen: list[Any] = []

    def search(parameters: list[Any]) -> httpx2.Response:
        seen.append(parameters)
        return ok([1])

    tryton = Tryton(model__party__party__search=search)
    assert client_of(tryton).search("party.party", [("name", "=", "A")], limit=1) == [1]
    assert seen == [[[["name", "=", "A"]], 0, 1, None, {"company": 1, "language": "en"}]]


CERTAIN = [
    pytest.param(httpx2.Response(503), TransientError, id="busy"),
    pytest.param(httpx2.Response(429), TransientError, id="rate limit"),
    pytest.param(httpx2.ConnectError("refused"), TransientError, id="connection refused"),
    pytest.param(httpx2.ConnectTimeout("slow"), TransientError, id="connecting took too long"),
    pytest.param(error("ConcurrencyException", "stale"), TransientError, id="lost a race"),
    pytest.param(error("UserError", ["No.", "Never.", {"big": "noise"}]), RefusalError, id="a rule"),
    pytest.param(error("'nope'", ""), RefusalError, id="an error without a type"),
    pytest.param(httpx2.Response(403, text="<html>"), ConfigError, id="not exposed"),
    pytest.param(httpx2.Response(404, text="<html>"), ConfigError, id="no such database"),
]
UNCERTAIN = [
    pytest.param(httpx2.ReadTimeout("late"), id="time-out"),
    pytest.param(httpx2.RemoteProtocolError("disconnected"), id="connection dropped"),
    pytest.param(httpx2.WriteError("broken pipe"), id="broken while sending"),
    pytest.param(httpx2.Response(500, text="<html>"), id="500"),
    pytest.param(httpx2.Response(502), id="502"),
    pytest.param(httpx2.Response(504), id="504"),
    pytest.param(httpx2.Response(200, text='{"id": 1, "resu'), id="half an answer"),
    pytest.param(httpx2.Response(200, text="<html>a proxy's own page</html>"), id="a proxy's page"),
    pytest.param(httpx2.Response(200, json=["something else"]), id="not an answer"),
]


@pytest.mark.parametrize(("answer", "kind"), CERTAIN)
def test_what_certainly_was_not_done(answer: Any, kind: type[Exception]) -> None:
    tryton = Tryton(model__account__move__post=answer, model__account__move__read=answer)
    with pytest.raises(kind):
        client_of(tryton).press("account.move", "post", [1])
    assert tryton.calls.count("model.account.move.post") == 1


@pytest.mark.parametrize("answer", UNCERTAIN)
def test_what_may_have_been_done(answer: Any) -> None:
    tryton = Tryton(model__account__move__post=answer, model__account__move__read=answer)
    with pytest.raises(AnswerLostError):
        client_of(tryton).press("account.move", "post", [1])
    assert tryton.calls.count("model.account.move.post") == 1
    with pytest.raises(TransientError):  # Reading changes nothing, so it may always be asked again.
        client_of(tryton).read("account.move", [1], ["state"])


def test_a_session_that_is_too_old_is_renewed_once() -> None:
    tryton = Tryton(model__account__move__post=[httpx2.Response(401), ok(None)])
    client_of(tryton).press("account.move", "post", [1])
    assert tryton.calls.count("common.db.login") == 2
    tryton = Tryton(model__account__move__post=[httpx2.Response(401), httpx2.Response(401)])
    with pytest.raises(ConfigError, match="refuses user 'user' to call"):
        client_of(tryton).press("account.move", "post", [1])


def test_a_wrong_password_stops_the_lane_and_does_not_show() -> None:
    with pytest.raises(ConfigError) as caught:
        _ = client_of(Tryton(common__db__login=httpx2.Response(401))).context
    assert "secret" not in str(caught.value).replace("check the user name and the secret", "")


def test_a_lost_login_is_nothing_to_worry_about() -> None:
    with pytest.raises(TransientError):
        _ = client_of(Tryton(common__db__login=httpx2.ReadTimeout("late"))).context


def test_warnings_are_confirmed_only_when_allowed() -> None:
    question = error("UserWarning", [SIMILAR, "Similar to 12.", ""])
    tryton = Tryton(model__account__invoice__post=question)
    with pytest.raises(UnansweredWarningError, match=r"Similar to 12\.") as caught:
        client_of(tryton).press("account.invoice", "post", [1], allow=["invoice_taxes"])
    assert caught.value.kind == "invoice_similar"

    confirmed: list[Any] = []

    def confirm(parameters: list[Any]) -> httpx2.Response:
        confirmed.append(parameters[0])
        return ok([1])

    tryton = Tryton(model__account__invoice__post=[question, ok(None)], model__res__user__warning__create=confirm)
    client_of(tryton).press("account.invoice", "post", [1], allow=["invoice_similar"])
    assert confirmed == [[{"user": 7, "name": SIMILAR, "always": False}]]


def test_a_warning_that_comes_back_is_a_refusal() -> None:
    again = error("UserWarning", [SIMILAR, "Really?", ""])
    tryton = Tryton(model__account__invoice__post=again, model__res__user__warning__create=ok([1]))
    with pytest.raises(UnansweredWarningError):
        client_of(tryton).press("account.invoice", "post", [1], allow=["invoice_similar"])


def test_gzip_that_is_and_gzip_that_only_says_so() -> None:
    body = json.dumps({"id": 1, "result": [1, 2, 3]}).encode()
    says_so = {"Content-Encoding": "gzip"}
    for raw in (gzip.compress(body), body):
        answer = httpx2.Response(200, extensions={"raw": raw})
        answer.headers.update(says_so)
        assert client_of(Tryton(model__party__party__search=answer)).search("party.party", []) == [1, 2, 3]


def test_what_the_erp_says_is_short_and_hides_bank_details() -> None:
    words = "The IBAN DE75 5121 0800 1245 1261 99 is taken. " + "noise " * 500
    tryton = Tryton(model__bank__account__create=error("UserError", [words, ""]))
    with pytest.raises(RefusalError) as caught:
        client_of(tryton).create("bank.account", [{}])
    assert "DE •••• 6199" in str(caught.value)
    assert "1245" not in str(caught.value)
    assert len(str(caught.value)) <= 500


def test_pages_are_read_to_the_end() -> None:
    pages = [ok([{"id": n} for n in range(1, 1001)]), ok([{"id": 1001}])]
    tryton = Tryton(model__party__party__search_read=pages)
    assert sum(1 for _ in client_of(tryton).scan("party.party", [], [])) == 1001


def test_a_record_is_not_asked_for_twice() -> None:
    asked: list[Any] = []

    def read(parameters: list[Any]) -> httpx2.Response:
        asked.append(parameters[0])
        return ok([{"id": 2, "name": "B"}, {"id": 1, "name": "A"}])

    rows = client_of(Tryton(model__party__party__read=read)).read("party.party", [1, 2, 1], ["name"])
    assert (asked, [row["name"] for row in rows]) == ([[1, 2]], ["A", "B", "A"])
