"""From bytes to messages, as intake sees it: who may send what, whose account it is, what an envelope does."""

import io
import zipfile
from pathlib import Path

import pytest

from tieout.engine.documents import document_reader
from tieout.engine.inspection import inspect
from tieout.engine.intake import Delivery
from tieout.formats.source import Bytes
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Interchange
from tieout.model.facts import EntriesNotified, InterchangeReceived, StatementReceived
from tieout.policy.policy import Channel, EntityPolicy, Policy

DATA = Path(__file__).parents[1] / "formats" / "data"
STATEMENT = Bytes((DATA / "statement.xml").read_bytes())
INVOICE = Bytes((DATA / "invoice.xml").read_bytes())
IBAN = "DE89370400440532013000"
US = Policy(entities={"de": EntityPolicy(name="Acme GmbH", currency="EUR", iban=IBAN)})


def test_a_statement_of_our_account_states_itself_and_what_is_not_booked() -> None:
    found = document_reader(US)(STATEMENT, "may.xml", "bank")
    assert (found.format, found.proved) == ("camt.053", True)
    assert [type(message.data) for message in found.messages] == [StatementReceived, EntriesNotified]
    assert {message.entity for message in found.messages} == {"de"}
    assert [message.key for message in found.messages] == [f"{STATEMENT.mark}/0", f"{STATEMENT.mark}/1"]


@pytest.mark.parametrize("accounts", [(), ("DE02120300000000202051",)], ids=["nobody's", "another's"])
def test_an_account_that_is_not_ours_refuses_the_whole(accounts: tuple[str, ...]) -> None:
    policy = Policy(entities={"de": EntityPolicy(name="Acme GmbH", currency="EUR", accounts=accounts)})
    found = document_reader(policy)(STATEMENT, "may.xml", "bank")
    assert (found.proved, found.messages) == (False, ())
    assert [problem.code for problem in found.problems if problem.where == "account"] == [Code.UNKNOWN_ENTITY]


def test_an_account_is_ours_however_it_is_written() -> None:
    policy = Policy(
        entities={"de": EntityPolicy(name="Acme GmbH", currency="EUR", accounts=("DE89 3704 0044 0532 0130 00",))}
    )
    found = document_reader(policy)(STATEMENT, "may.xml", "bank")
    assert [
        message.data.statement.iban for message in found.messages if isinstance(message.data, StatementReceived)
    ] == ["DE89 3704 0044 0532 0130 00"]


@pytest.mark.parametrize(
    ("channel", "policy", "taken"),
    [
        ("bank", US, True),
        ("mail", US, False),
        ("mail-eu", US, False),
        ("portal", US, False),
        ("mail", Policy(entities=US.entities, channels={"mail": Channel(families=("bank",))}), True),
        ("bank", Policy(entities=US.entities, channels={"bank": Channel(families=("e-invoices",))}), False),
    ],
)
def test_what_anybody_can_send_is_no_word_of_a_bank(channel: str, policy: Policy, taken: bool) -> None:
    found = document_reader(policy)(STATEMENT, "may.xml", channel)
    assert found.proved == taken
    if not taken:
        detail = f"ISO 20022 account statement may not come by {channel}"
        assert found.problems == (Problem(Code.WRONG_CHANNEL, actual="camt.053", detail=detail),)


def test_an_invoice_may_come_by_mail() -> None:
    assert document_reader(US)(INVOICE, "invoice.xml", "mail").proved


def zipped(**members: bytes) -> Bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(f"{name}.xml", body)
    return Bytes(out.getvalue())


def test_an_archive_is_opened_and_what_it_holds_is_documents_of_their_own() -> None:
    found = document_reader(US)(zipped(a=INVOICE.whole(), b=b"nothing"), "all.zip", "portal")
    assert (found.format, found.proved, found.messages) == ("zip", True, ())
    assert [(name, source.whole(), source.mark == Bytes(source.whole()).mark) for name, source in found.parts] == [
        ("a.xml", INVOICE.whole(), True),
        ("b.xml", b"nothing", True),
    ]


def test_an_archive_that_is_a_bomb_is_not_opened() -> None:
    found = document_reader(US)(zipped(a=b"0" * (64 * 1024 * 1024)), "bomb.zip", "portal")
    assert (found.proved, found.parts, [problem.code for problem in found.problems]) == (False, (), [Code.TOO_LARGE])


# ── envelopes ──────────────────────────────────────────────────────────────────────────────────────────────────────

RESPONSE = (DATA / "edifact" / "ordrsp.edi").read_bytes()


def told(found: Delivery) -> list[Interchange]:
    """The interchanges that partners are answered about."""
    assert found.envelopes
    facts = [message.data for message in found.envelopes(found.refusals)]
    return [fact.interchange for fact in facts if isinstance(fact, InterchangeReceived)]


def test_a_test_is_answered_like_the_real_thing_and_nothing_of_it_is_acted_on() -> None:
    last = RESPONSE.rindex(b"'", 0, RESPONSE.index(b"UNH"))
    trial = Bytes(RESPONSE[:last] + b"++++++1" + RESPONSE[last:])
    found = document_reader(US)(trial, "orders.edi", "as2.schrauben")
    assert (found.proved, found.refusals) == (False, ())
    assert Code.TEST_DOCUMENT in [problem.code for problem in found.problems]
    assert [(envelope.test, envelope.problems) for envelope in told(found)] == [(True, ())]


def test_looking_at_a_document_says_what_its_channel_and_being_a_test_would_do() -> None:
    last = RESPONSE.rindex(b"'", 0, RESPONSE.index(b"UNH"))
    trial = inspect(Bytes(RESPONSE[:last] + b"++++++1" + RESPONSE[last:]), US)
    by_mail = inspect(STATEMENT, US, "mail")
    assert (trial.outcome, trial.problems[-1].code) == ("quarantined", Code.TEST_DOCUMENT)
    assert (by_mail.outcome, by_mail.problems[-1].code) == ("quarantined", Code.WRONG_CHANNEL)
    assert inspect(STATEMENT, US, "bank").outcome == "accepted"


def test_a_partner_is_told_what_refuses_the_interchange_and_not_what_is_only_worth_knowing() -> None:
    wrong = Bytes(RESPONSE.replace(b"UNZ+1+", b"UNZ+2+"))
    assert wrong.whole() != RESPONSE
    found = document_reader(US)(wrong, "orders.edi", "as2.schrauben")
    (envelope,) = told(found)
    assert not found.proved
    assert [problem.code for problem in envelope.problems] == [Code.TOTALS_DISAGREE]
