"""Whoever sent a mail that could not be taken in gets one answer, and not too many a day."""

from datetime import timedelta

import pytest
from tests.processes.story import START, Story

from tieout.formats.einvoice.enveloped import PLAIN
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import Letter, SendDocument, SendMailAnswer, UnreadPart
from tieout.model.facts import DocumentQuarantined, MailOpened, MailPart, document_home, mail_home
from tieout.policy.policy import Channel, Policy
from tieout.processes import case, document, mail
from tieout.processes.process import Intent

ANN = "ann@supplier.example"
MARK, PART, OTHER = "ab" * 32, "cd" * 32, "ef" * 32
WRONG = Problem(Code.TOTALS_DISAGREE, "line 40", "100.00 EUR", "99.00 EUR")
PLAIN_PDF = Problem(Code.UNKNOWN_FORMAT, "byte 0", expected="an invoice attached as XML", detail=PLAIN)
GOOD = MailPart("good.xml", OTHER, "accepted")
BAD = MailPart("bad.xml", PART, "quarantined", (WRONG,))
SCAN = MailPart("scan.pdf", PART, "quarantined", (PLAIN_PDF,))


def story(**settings: object) -> Story:
    channel = Channel(**{"answers_per_day": 2, **settings})  # type: ignore[arg-type]
    return Story(Policy(channels={"mail": channel}), (document.PROCESS, mail.PROCESS, case.PROCESS))


def opened(*parts: MailPart, mark: str = MARK, message_id: str = "<1@x>", automatic: str = "") -> MailOpened:
    letter = Letter(reply_to=ANN, message_id=message_id, automatic=automatic)
    return MailOpened(mark=mark, channel="mail", letter=letter, parts=parts)


def tell(told: Story, fact: MailOpened) -> None:
    told.tell(fact, ANN, mail_home(ANN))


def test_the_answer_says_what_was_taken_and_what_was_not() -> None:
    told = story()
    tell(told, opened(GOOD, BAD))
    payload = SendMailAnswer(
        mark=MARK,
        letter=Letter(reply_to=ANN, message_id="<1@x>"),
        unread=(UnreadPart("bad.xml", (WRONG,)),),
        taken=("good.xml",),
    )
    assert told.asked(SendMailAnswer) == [Intent(connector="mail", payload=payload, key=MARK)]


@pytest.mark.parametrize(
    "fact", [opened(GOOD), opened(BAD, automatic="it is a bounce"), opened()], ids=["all taken", "machine", "nothing"]
)
def test_nobody_is_answered_without_need(fact: MailOpened) -> None:
    told = story()
    tell(told, fact)
    assert told.asked(SendMailAnswer) == []


def test_a_channel_that_does_not_say_so_answers_nobody() -> None:
    told = story(answers_per_day=0)
    tell(told, opened(BAD))
    assert told.asked(SendMailAnswer) == []


def test_a_mail_without_documents_is_answered_as_such() -> None:
    told = story()
    tell(told, opened(MailPart("mail.eml", MARK, "quarantined", (Problem(Code.MISSING_FIELD, "eml"),))))
    assert [intent.payload.unread for intent in told.asked(SendMailAnswer)] == [()]  # type: ignore[attr-defined]


def test_one_mail_that_came_twice_is_answered_once() -> None:
    told = story()
    tell(told, opened(BAD))
    tell(told, opened(BAD, mark=OTHER))
    tell(told, opened(BAD))
    assert {intent.key for intent in told.asked(SendMailAnswer)} == {MARK}


def test_not_more_than_so_many_a_day() -> None:
    told = story()
    for number in range(60):
        tell(told, opened(BAD, mark=f"{number:064d}", message_id=""))
    assert len(told.asked(SendMailAnswer)) == 2
    told.now = START + timedelta(days=1)
    tell(told, opened(BAD, mark=MARK, message_id=""))
    assert len(told.asked(SendMailAnswer)) == 3


def test_a_plain_pdf_goes_on_to_be_captured_and_its_sender_is_not_troubled() -> None:
    told = story(capture_to="scans")
    tell(told, opened(GOOD, SCAN))
    quarantined = DocumentQuarantined(
        mark=PART, name="Invoice: 1.eml/scan/1.pdf", channel="mail", format="pdf", problems=(PLAIN_PDF,)
    )
    told.tell(quarantined, PART, document_home(PART))
    payload = SendDocument(name=f"1-{PART[:12]}.pdf", media_type="application/pdf", body=b"", original=PART)
    assert told.asked(SendDocument) == [Intent(connector="scans", payload=payload, key=f"capture/{PART}")]
    assert (told.asked(SendMailAnswer), told.cases()) == ([], {})


def test_without_somebody_to_capture_it_a_plain_pdf_is_a_case_and_answered() -> None:
    told = story()
    tell(told, opened(SCAN))
    told.tell(
        DocumentQuarantined(mark=PART, name="a.pdf", channel="mail", problems=(PLAIN_PDF,)), PART, document_home(PART)
    )
    assert len(told.asked(SendMailAnswer)) == 1
    assert told.asked(SendDocument) == []
    assert told.cases() == {f"unreadable_document {PART}": "open"}
