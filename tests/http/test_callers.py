"""Who is calling: keys, sessions, and that a browser is never led astray by another site."""

from datetime import timedelta

import pytest
from tests.web.books import Books
from tests.web.fixtures import SAME_SITE, Client, key_of, sign_in
from tests.web.serving import CHEAP, PASSWORD

from tieout.engine.people import IDLE, LASTS, REMEMBERED, People
from tieout.engine.schema import API_KEY, PERSON, SESSION
from tieout.kernel.clock import VirtualClock
from tieout.kernel.errors import PermanentError


@pytest.fixture
def people(new_books: Books, new_client: Client) -> People:
    return People(new_books.url, new_books.clock, hasher=CHEAP)


def everything(people: People) -> str:
    """All that is kept of people, as one text."""
    with people._reading.connect() as sql:
        return "".join(str(row) for table in (PERSON, SESSION, API_KEY) for row in sql.execute(table.select()))


def test_of_secrets_only_hashes_are_kept(people: People) -> None:
    key = people.add_key("paula", ["PP"])
    token = people.sign_in(people.person("paula"))  # type: ignore[arg-type]
    kept = everything(people)
    assert PASSWORD not in kept
    assert token not in kept
    assert key.rpartition("_")[2] not in kept


def test_accounts_are_checked_when_they_are_opened(people: People) -> None:
    for name, password, duties, says in (
        ("Paula!", PASSWORD, [], "must be 2 to 64"),
        ("paula", PASSWORD, [], "there is an account paula already"),
        ("mia", "short", [], "at least 12 characters"),
        ("mia", PASSWORD, ["XX"], "no such duty"),
        ("mia", PASSWORD, ["PP", "PX"], "Nobody releases a payment they proposed"),
        ("mia", PASSWORD, ["AD", "PP"], "Whoever grants access"),
    ):
        with pytest.raises(PermanentError, match=says):
            people.add_person(name, "Mia", password, duties)
    assert people.add_person("mia", "Mia", PASSWORD, ["PP", "PX"], accept_conflicts=True).duties == ("PP", "PX", "RD")


def test_a_session_ends_by_time_by_word_and_with_the_account(people: People, new_books: Books) -> None:
    paula = people.person("paula")
    assert paula is not None
    clock: VirtualClock = new_books.clock

    idle = people.sign_in(paula)
    clock.move(IDLE - timedelta(minutes=1))
    assert people.session(idle) is not None  # and this use counts
    clock.move(IDLE - timedelta(minutes=1))
    assert people.session(idle) is not None
    clock.move(IDLE + timedelta(minutes=1))
    assert people.session(idle) is None

    busy = people.sign_in(paula)
    for _ in range(int(LASTS / timedelta(hours=1)) - 1):
        clock.move(timedelta(hours=1))
        assert people.session(busy) is not None
    clock.move(timedelta(hours=1, seconds=1))
    assert people.session(busy) is None

    said = people.sign_in(paula)
    people.sign_out(said)
    assert people.session(said) is None

    closed = people.sign_in(paula)
    people.deactivate("paula")
    assert people.session(closed) is None
    assert people.verify("paula", PASSWORD) is None


def test_a_new_password_ends_all_sessions(people: People) -> None:
    token = people.sign_in(people.person("rolf"))  # type: ignore[arg-type]
    people.set_password("rolf", "another long password")
    assert people.session(token) is None
    assert people.verify("rolf", PASSWORD) is None
    assert people.verify("rolf", "another long password") is not None


def test_keys_expire_are_revoked_and_never_do_more_than_their_owner(people: People, new_books: Books) -> None:
    key = people.add_key("rolf", ["PX"], days=10)
    owner = people.key_owner(key)
    assert owner is not None
    assert owner.duties == ("PX", "RD")
    with pytest.raises(PermanentError, match="does not have PP"):
        people.add_key("rolf", ["PP"])
    people.grant("rolf", ["IA"])
    assert people.key_owner(key).duties == ("RD",)  # type: ignore[union-attr]
    new_books.clock.move(timedelta(days=10))
    assert people.key_owner(key) is None
    other = people.add_key("rolf", [])
    people.revoke_key(other.split("_")[1])
    assert people.key_owner(other) is None
    for wrong in ("", "x", key[:-1], key + "a", key.upper(), "tieout_" + "0" * 16 + "_" + "a" * 43):
        assert people.key_owner(wrong) is None


def test_a_verified_key_is_remembered_for_seconds_only(people: People, new_books: Books) -> None:
    elsewhere = People(new_books.url, new_books.clock, hasher=CHEAP)  # as if in another process
    key = people.add_key("rolf", ["PX"])
    owner = people.key_owner(key)
    assert owner is not None
    assert people.remembered(key) == owner, "the database is not asked again"
    assert people.remembered(key[:-1] + ("a" if key[-1] != "a" else "b")) is None
    assert key not in str(vars(people)), "a key is never kept as it is"
    elsewhere.revoke_key(key.split("_")[1])
    new_books.clock.move(REMEMBERED - timedelta(seconds=1))
    assert people.key_owner(key) == owner
    new_books.clock.move(timedelta(seconds=1))
    assert people.key_owner(key) is None
    assert timedelta(seconds=5) >= REMEMBERED


def test_a_remembered_key_still_ends_on_time_and_when_the_clock_jumps_back(people: People, new_books: Books) -> None:
    key = people.add_key("rolf", ["PX"], days=1)
    new_books.clock.move(timedelta(days=1, seconds=-1))
    assert people.key_owner(key) is not None
    new_books.clock.move(timedelta(hours=-1))
    assert people.remembered(key) is None
    new_books.clock.move(timedelta(hours=1))
    assert people.key_owner(key) is not None
    new_books.clock.move(timedelta(seconds=1))
    assert people.key_owner(key) is None


def test_in_this_process_a_key_ends_at_once(people: People) -> None:
    revoked, granted, closed = (people.add_key(name, []) for name in ("rolf", "rolf", "ines"))
    assert all(people.key_owner(key) for key in (revoked, granted, closed))
    people.revoke_key(revoked.split("_")[1])
    assert people.key_owner(revoked) is None
    people.grant("rolf", ["IA"])
    assert people.remembered(granted) is None
    people.deactivate("ines")
    assert people.key_owner(closed) is None


def test_a_key_that_is_revoked_while_it_is_verified_is_not_remembered(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = people.add_key("rolf", [])
    read = people._read_key

    def overtaken(key_id: str) -> object:
        row = read(key_id)
        people.revoke_key(key_id)
        return row

    monkeypatch.setattr(people, "_read_key", overtaken)
    assert people.key_owner(key) is not None
    assert people.remembered(key) is None


def test_only_so_many_keys_are_remembered(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tieout.engine.people._REMEMBERED_MAX", 2)
    for key in [people.add_key("rolf", []) for _ in range(5)]:
        assert people.key_owner(key) is not None
        assert len(people._remembered) <= 2


# ── browsers ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "comes_in"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "http://testserver.local"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, True),
        ({}, False),
    ],
)
def test_forms_are_taken_from_our_own_pages_only(
    books: Books, client: Client, headers: dict[str, str], comes_in: bool
) -> None:
    token = sign_in(client, "otto")
    answer = client.post("/sign-out", data={"form_token": token}, headers=headers, follow_redirects=False)
    assert answer.status_code == (303 if comes_in else 403), answer.text
    if not comes_in:
        assert answer.json()["code"] == "cross_site"


def test_a_form_of_another_session_is_refused(client: Client) -> None:
    sign_in(client, "otto")
    for token in ("", "0" * 32, "✗"):
        answer = client.post("/sign-out", data={"form_token": token}, headers=SAME_SITE, follow_redirects=False)
        assert (answer.status_code, answer.json()["code"]) == (403, "form_expired")


def test_the_session_cookie_is_out_of_reach(client: Client) -> None:
    answer = client.post(
        "/sign-in", data={"name": "otto", "password": PASSWORD}, headers=SAME_SITE, follow_redirects=False
    )
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie


def test_over_https_the_cookie_is_bound_to_the_host(books: Books) -> None:
    from litestar.testing import TestClient
    from tests.web.serving import app_of

    with TestClient(app_of(books), base_url="https://testserver.local") as client:
        answer = client.post(
            "/sign-in", data={"name": "otto", "password": PASSWORD}, headers=SAME_SITE, follow_redirects=False
        )
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-tieout=")
        assert "; Secure" in cookie
        assert "Domain" not in cookie
        assert "max-age=" in answer.headers["strict-transport-security"]
        assert client.get("/account").status_code == 200


def test_too_many_attempts_have_to_wait(client: Client, books: Books) -> None:
    def attempt(password: str = "wrong") -> int:
        answer = client.post(
            "/sign-in",
            data={"name": "otto", "password": password},
            headers={**SAME_SITE, "accept": "text/html"},
            follow_redirects=False,
        )
        return answer.status_code

    assert [attempt() for _ in range(9)] == [401] * 8 + [429]
    assert attempt(PASSWORD) == 429
    books.clock.move(timedelta(minutes=6))
    assert attempt(PASSWORD) == 303


def test_signing_in_leads_back_to_our_own_pages_only(client: Client) -> None:
    for back, leads_to in (
        ("/cases?sort=oldest", "/cases?sort=oldest"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
    ):
        answer = client.post(
            "/sign-in",
            data={"name": "paula", "password": PASSWORD, "back": back},
            headers=SAME_SITE,
            follow_redirects=False,
        )
        assert answer.headers["location"] == leads_to


def test_a_key_works_without_a_browser_and_a_cookie_works_for_reading(books: Books, client: Client) -> None:
    assert client.get("/v1/cases", headers=key_of(books, "otto")).status_code == 200
    assert client.get("/v1/cases").status_code == 401
    sign_in(client, "otto")
    assert client.get("/v1/cases").status_code == 200
    assert client.post("/v1/payment-runs", json={}).status_code == 403  # not from one of our pages
