"""What matching found, in sentences, on the command line."""

from tests.cli.conftest import Tieout


def dear_one(small: Tieout) -> str:
    """The supplier's number of the invoice that is dearer than its order."""
    (case,) = [one for one in small.ask("cases")["items"] if one["case_class"] == "price_variance"]
    return str(small.ask("trace", case["document"])["invoice"]["number"])


def test_a_verdict_in_sentences(small: Tieout) -> None:
    out = small("verdict", dear_one(small)).out
    assert "Not matched under policy" in out
    assert "unit price" in out
    assert "Fails at a limit of 2 %" in out
    (look,) = small.ask("verdict", dear_one(small))
    assert look["matched"] is False
    assert [check["rule"] for check in look["verdict"]["checks"] if not check["passed"]] == ["price"]


def test_what_is_no_invoice(small: Tieout) -> None:
    answer = small("verdict", "nothing-of-this-name")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("tieout: 'nothing-of-this-name' is no invoice that is known")
