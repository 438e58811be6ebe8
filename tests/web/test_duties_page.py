"""Who holds what, what does not go together, and the review of a control, on its page."""

from typing import Any

from lxml import html
from tests.web.books import Books
from tests.web.fixtures import Client, post_form, sign_in

WITH_HTML = {"accept": "text/html"}


def rows_of(client: Client, section: str) -> list[list[str]]:
    page: Any = html.fromstring(client.get("/duties", headers=WITH_HTML).text)
    return [
        [" ".join(" ".join(cell.itertext()).split()) for cell in row.xpath("./td")]
        for row in page.xpath(f"//section[@id='{section}']//tbody/tr")
    ]


def test_what_does_not_go_together_and_what_covers_it(client: Client) -> None:
    sign_in(client, "otto")
    assert rows_of(client, "conflicts") == [
        [
            "hanne person",
            "PE open and close periods JE post journals",
            "high",
            "Whoever opens periods could post into closed ones.",
            "not covered",
        ],
        [
            "gerd person",
            "PO create orders GR receive goods",
            "hard",
            "Nobody confirms the receipt of what they ordered.",
            "covered small warehouse (in force)",
        ],
    ]
    (control,) = rows_of(client, "controls")
    assert control[2:] == ["in force", "20 soon", "15 Jun 2026", "20 Jul 2026", "cora", ""]


def test_people_of_one_entity_see_who_acts_there(client: Client) -> None:
    sign_in(client, "jun")
    assert [row[0] for row in rows_of(client, "conflicts")] == ["hanne person"]
    assert "gerd person" not in [row[0] for row in rows_of(client, "holders")]


def test_only_its_reviewer_reviews_a_control(client: Client, books: Books) -> None:
    found = {"control": "small warehouse", "reason": "12 receipts compared, none missing"}
    token = sign_in(client, "gerd")
    refused = post_form(client, "/duties/reviews", token, **found)
    assert (refused.status_code, "is reviewed by cora" in refused.text) == (403, True)
    token = sign_in(client, "cora")
    assert post_form(client, "/duties/reviews", token, control="small warehouse").status_code == 422
    assert post_form(client, "/duties/reviews", token, control="no such thing", reason="x").status_code == 404
    assert post_form(client, "/duties/reviews", token, **found).status_code == 303
    books.rest()
    (control,) = rows_of(client, "controls")
    assert control[5] == "12 Dec 2026"
