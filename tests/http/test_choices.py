"""A person chooses which order line an invoice line bills, in a case of the invoice."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.http.events import rows
from tests.web.books import Books
from tests.web.fixtures import Client, key_of

from tieout.http.choices import HINT, line_choices
from tieout.http.problems import Trouble
from tieout.model.verdict import LineAssignment


def test_what_a_person_writes() -> None:
    assert line_choices(" 1 = PO-7/20 ;2=A/B/3;") == (
        LineAssignment("1", "PO-7", "20"),
        LineAssignment("2", "A/B", "3"),
    )


@dataclass
class Wrong:
    text: str
    told: str


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong("", f"choose at least one: {HINT}"),
        Wrong("1", f"'1' is not of the form {HINT}"),
        Wrong("1 = 20", f"'1 = 20' is not of the form {HINT}"),
        Wrong("1 = PO-7/", f"'1 = PO-7/' is not of the form {HINT}"),
        Wrong("= PO-7/20", f"'= PO-7/20' is not of the form {HINT}"),
        Wrong("1 = PO-7/20; 1 = PO-7/10", "line 1 is chosen for twice"),
    ],
    ids=lambda wrong: wrong.text or "nothing",
)
def test_what_cannot_be_read_is_quoted(wrong: Wrong) -> None:
    with pytest.raises(Trouble) as raised:
        line_choices(wrong.text)
    assert [(fault.where, fault.detail) for fault in raised.value.errors] == [("/lines", wrong.told)]


def ambiguous(books: Books) -> str:
    """An invoice for four chucks that names its order, which has them at two prices."""
    books.supplier("Adler Werkzeuge AG")
    order = books.order("Adler Werkzeuge AG", "DE01", "PO-9001", ("Chuck", 4, "90.00"), ("Chuck", 4, "110.00"))
    books.receipt(order)
    line = books._line(order.lines[0], order, Decimal(0))
    net = replace(line.net, minor=400_00)
    line = replace(line, line_id="1", order_line_id="", unit_price=Decimal(100), net=net)
    invoice_id = books.bill("Adler Werkzeuge AG", "A-9001", "DE01", [line], channel="mail")
    books.rest()
    return invoice_id


def test_the_choice_lets_the_invoice_go_on(books: Books, client: Client) -> None:
    invoice_id = ambiguous(books)
    case = next(row for row in rows(books, "view_case") if row["document"] == invoice_id)
    assert "ambiguous order line" in case["reason"]
    path, key = f"/v1/cases/{case['subject']}/actions", key_of(books, "paula")
    wrong = client.post(path, json={"action": "assign_lines", "lines": "2", "reason": "x"}, headers=key)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_value")
    chosen = {"action": "assign_lines", "lines": "1 = PO-9001/2", "reason": "asked the warehouse"}
    answer = client.post(path, json=chosen, headers=key)
    assert (answer.status_code, answer.json().get("errors")) == (202, None)
    books.rest()
    life = client.get(f"/v1/trace/{invoice_id}", headers=key).json()["steps"]
    told = [step["detail"] for step in life if step["type"] == "invoice.lines_assigned"]
    assert told == ["line 1: order PO-9001 line 2; asked the warehouse"]
    assert "invoice.matched" in [step["type"] for step in life]
