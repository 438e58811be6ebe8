"""How values are written on pages."""

import pytest

from tieout.web.words import brief, linked, told, unit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("expected 1273.9800 EUR/EA or less", "expected 1,273.98 EUR/EA or less"),
        (
            "unit price 49 EUR/100 C62, in the order 50.5 EUR/100 C62",
            "unit price 49 EUR/100 pcs, in the order 50.50 EUR/100 pcs",
        ),
        ("got 1234567 KGM (36.500 KGM)", "got 1,234,567 kg (36.5 kg)"),
        ("got -3.5 EUR: account fees", "got −3.50 EUR: account fees"),
        ("got 1500.00 JPY", "got 1,500 JPY"),
        ("8,892.00 USD, got 2 that are equally good", "8,892.00 USD, got 2 that are equally good"),
        ("order PO-1010 line 20, invoice 2026-88120", "order PO-1010 line 20, invoice 2026-88120"),
        ("held by person:ray", "held by ray"),
    ],
)
def test_numbers_of_a_reason_are_written_as_everywhere(text: str, expected: str) -> None:
    assert told(text) == expected


def test_a_unit_has_its_code_in_the_tooltip() -> None:
    assert unit("EUR/100 KGM") == '<abbr title="EUR/100 KGM">EUR/100 kg</abbr>'
    assert (unit("EA"), unit("EUR/EA")) == ("EA", "EUR/EA")


def test_what_is_cut_can_be_read_whole() -> None:
    assert brief("a < b", 10) == "a &lt; b"
    assert brief("a < b and more", 6) == '<span title="a &lt; b and more">a &lt; b…</span>'


def test_ids_of_ours_lead_to_what_they_name() -> None:
    found = "inv-hgbrwmqvlmg6dpjs2mtegp4z"
    assert linked(f"<b> looks like {found}: x") == (
        f'&lt;b&gt; looks like <a class="id" href="/trace/{found}">{found}</a>: x'
    )
    assert linked("inv-12 is none") == "inv-12 is none"
