"""The pages of the policy: what holds, drafts with their faults, trials, approval by another person, rollback."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from lxml import html
from tests.web.books import POLICY_TEXT, Books
from tests.web.fixtures import SAME_SITE, Client, post_form, sign_in

from tieout.engine.policy_desk import PolicyDesk
from tieout.engine.what_if import Side, Sum, WhatIf
from tieout.policy.load import load_policy

LOOSE = POLICY_TEXT.replace("percent = 2", "percent = 60")
OLD, NEW = load_policy(POLICY_TEXT).version, load_policy(LOOSE).version


def words(client: Client, path: str) -> str:
    answer = client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return " ".join(" ".join(html.fromstring(answer.text).itertext()).split())


def draft(client: Client, token: str, text: str = LOOSE) -> Any:
    return post_form(client, "/policy/drafts", token, text=text, note="steel is dear")


def wait_for(what: Callable[[], bool]) -> None:
    """A trial runs in a thread of its own."""
    deadline = time.monotonic() + 30
    while not what() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert what()


def test_what_holds_and_who_says_so(client: Client) -> None:
    sign_in(client, "otto")
    told = words(client, "/policy?entity=US01")
    assert OLD in told
    assert "tolerances.price value: percent 3 set fusion" in told
    assert "currency USD entity US01" in told
    assert "bank_change_confirmations 2 default" in told
    assert "Draft a release" not in told
    assert "4712" not in told.replace("•••• 4712", "")


def test_people_see_their_entities_only(client: Client) -> None:
    sign_in(client, "jun")
    assert "Northlight Japan KK" in words(client, "/policy")
    assert client.get("/policy?entity=DE01").status_code == 404


def test_a_draft_with_faults_comes_back_with_each_at_its_place(client: Client) -> None:
    answer = draft(client, sign_in(client, "cora"), LOOSE.replace("percent = 60", "percnt = 60"))
    assert answer.status_code == 422
    page = html.fromstring(answer.text)
    (line,) = page.xpath("//li[@class='saying']")
    assert " ".join(" ".join(line.itertext()).split()) == "6 percnt = 60 there is no such key; did you mean “percent”?"
    assert "percnt = 60" in page.xpath("//textarea[@name='text']")[0].text


LOSING = WhatIf(
    policy=NEW,
    before=Side(discounts_lost=Sum(2, {"EUR": 400, "USD": 100})),
    after=Side(discounts_lost=Sum(1, {"EUR": 300})),
    discounts_open=Sum(1, {"EUR": 300}),
)


def test_an_erps_dialect_without_limits_is_warned_of(client: Client, books: Books) -> None:
    token = sign_in(client, "cora")
    assert "warning" not in words(client, "/policy")
    bare = POLICY_TEXT.replace('.price]\nkind = "value"\npercent = 2', ']\ndialect = "sap"')
    post_form(client, "/policy/drafts", token, text=bare)
    books.rest()
    told = words(client, f"/policy/releases/{load_policy(bare).version}")
    assert "the tolerances name the dialect sap and give no limit, so that only quantity_accepted is held" in told


def test_from_the_draft_to_the_rollback(client: Client, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    release = f"/policy/releases/{NEW}"
    token = sign_in(client, "cora")
    draft(client, token)
    assert "being recorded" in words(client, release)
    books.rest()
    assert "entities.DE01.tolerances.price value: percent 2 value: percent 60" in words(client, release)
    post_form(client, f"{release}/try", token)
    wait_for(lambda: bool(books.store.depth(0)))
    books.rest()
    told = words(client, release)
    assert "Documents with another verdict" in told
    assert "Cash discounts lost" not in told
    with monkeypatch.context() as patch:
        patch.setattr(PolicyDesk, "result", lambda self, release: LOSING)
        told = words(client, release)
        assert "Cash discounts lost Invoices Money then 2 4.00 EUR , 1.00 USD this release 1 3.00 EUR" in told
        assert "3.00 EUR of it, on 1 invoice, only if those who approve" in told
    moved = html.fromstring(client.get(release).text).xpath("//table[@id='moved']/tbody/tr")
    assert [[cell.text_content() for cell in row] for row in moved] == [
        ["Price above the order", "Agrees", "Show the 1", "12,366.10 EUR"]
    ]
    (link,) = moved[0].xpath(".//a/@href")
    narrowed = html.fromstring(client.get(link).text)
    assert narrowed.xpath("//td[@class='main']/a/text()") == ["J-60077"]
    assert "Price above the order → Agrees" in narrowed.xpath("//h3[@id='changes']")[0].text_content()
    (change,) = html.fromstring(client.get(release).text).xpath("(//td[@class='main']/a/@href)[1]")
    both = words(client, change)
    assert "As it was decided held" in both
    assert "Under this release" in both
    assert post_form(client, f"{release}/approve", token).status_code == 403
    token = sign_in(client, "paul")
    late = post_form(client, f"{release}/approve", token, effective="2026-06-30T00:00")
    assert late.status_code == 409
    assert "in a close window" in late.text
    post_form(client, f"{release}/approve", token, effective="2026-06-15T00:00")
    books.rest()
    assert "coming" in words(client, "/policy")
    post_form(client, f"{release}/roll-back", token, reason="not yet")
    books.rest()
    assert "rolled back" in words(client, "/policy")
    books.clock.move(timedelta(days=30))
    assert books.policies.at(books.clock.now()).version == OLD


def test_what_is_not_there(client: Client) -> None:
    token = sign_in(client, "paul")
    assert "there is no such release" in words(client, "/policy/releases/nothing")
    assert client.get(f"/policy/releases/{OLD}/changes/inv-1").status_code == 404
    assert post_form(client, "/policy/releases/nothing/approve", token).status_code == 409
    assert (
        client.post(f"/policy/releases/{OLD}/dance", data={"form_token": token}, headers=SAME_SITE).status_code == 404
    )


def test_while_a_period_is_being_closed_the_rollback_is_stated(client: Client, books: Books) -> None:
    """May is over and not ready, and the 20th of June lies in no close window by the calendar."""
    books.clock.move(timedelta(days=25))
    books.desk.draft(LOOSE, "person:cora")
    books.rest()
    books.desk.attempt(NEW, "person:cora")
    books.rest()
    token = sign_in(client, "paul")
    refused = post_form(client, f"/policy/releases/{NEW}/approve", token)
    assert refused.status_code == 409
    assert "2026-05 are being closed" in refused.text
    stated = {"rollback": "the limits of before", "rollback_to": OLD}
    assert post_form(client, f"/policy/releases/{NEW}/approve", token, **stated).status_code == 303
