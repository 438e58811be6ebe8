"""From which class to which: what a trial counts, what the page draws of it, and the documents behind a move."""

from lxml import html

from tieout.engine.what_if import Sum, WhatIf
from tieout.web.moves import Move, moves_of, picture, place

FOUND = WhatIf(
    policy="p",
    moves={
        "price_variance > matched": Sum(7, {"EUR": 9_00}),
        "missing_receipt+price_variance > missing_receipt": Sum(2, {"EUR": 5_00, "USD": 1_00}),
        "matched > tax_variance": Sum(1, {"EUR": 3_00}),
    },
)


def test_moves_with_most_documents_first_and_what_they_come_to() -> None:
    moves = moves_of(FOUND)
    assert [(place(one.then), place(one.now), one.kind, one.sum.documents) for one in moves] == [
        ("Price above the order", "Agrees", "pass", 7),
        ("Billed but not received + Price above the order", "Billed but not received", "other", 2),
        ("Agrees", place("tax_variance"), "stop", 1),
    ]
    assert Move("matched", "released", Sum(1)).kind == "stay"


def test_a_ribbon_is_as_thick_as_there_are_documents_in_it_and_leads_to_them() -> None:
    drawn = html.fromstring(picture(moves_of(FOUND), lambda **to: f"/there?then={to['then']}&now={to['now']}"))
    assert {one.get("href"): one.find("path").get("class") for one in drawn.iter("a")} == {
        "/there?then=price_variance&now=matched": "move-pass",
        "/there?then=missing_receipt+price_variance&now=missing_receipt": "move-other",
        "/there?then=matched&now=tax_variance": "move-stop",
    }
    heights = [float(one.get("height")) for one in drawn.iter("rect")]
    assert heights == [154.0, 44.0, 22.0, 154.0, 44.0, 22.0]


def test_nothing_is_drawn_where_nothing_moved() -> None:
    assert picture((), lambda **to: "") == ""
