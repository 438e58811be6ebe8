"""A document as it came: in quarantine until it can be read, and what partners say about the documents we sent.

::

    DocumentQuarantined ──► waiting (case) ──DocumentRead──► read (case settled)
                    └────► a plain PDF is handed on to be captured, where the channel says to whom
    DocumentAnswered: a refusal or a query is a case of its own

Documents that are read at once never come here; what they state is handled where it belongs.
"""

from collections.abc import Iterator

from msgspec import Struct

from tieout.formats.einvoice.enveloped import PLAIN
from tieout.kernel.problem import Code, Problem
from tieout.model.cases import Case, CaseClass
from tieout.model.documents import BusinessResponse
from tieout.model.effects import SendDocument
from tieout.model.events import Event
from tieout.model.facts import DocumentAnswered, DocumentQuarantined, DocumentRead, RemittanceAdvised
from tieout.processes.case import open_case, settle_case
from tieout.processes.process import Facts, Intent, Output, Process, by_subject

#: Answers (UNCL 4343) after which somebody has to do something: under query, conditionally accepted, rejected.
_UNWELCOME = {"UQ": "asks about", "CA": "accepts with conditions", "RE": "rejects"}


class State(Struct, frozen=True, omit_defaults=True):
    """Where a document stands: ``waiting`` in quarantine, ``read``, or an ``answer``, ``advice`` of a partner's."""

    status: str


def evolve(state: State | None, event: Event) -> State | None:
    """Where the document stands after an event."""
    match event.data:
        case DocumentQuarantined():
            return State("waiting")
        case DocumentRead():
            return State("read")
        case DocumentAnswered():
            return State("answer")
        case RemittanceAdvised():
            return State("advice")
        case _:
            return state


def decide(state: State | None, event: Event, facts: Facts) -> Iterator[Output]:
    """Call somebody for what cannot be read, and for what a partner refuses."""
    match event.data:
        case DocumentQuarantined() if is_plain_pdf(event.data.problems) and (
            target := facts.policy.channel(event.data.channel).capture_to
        ):
            yield _capture(event.data, target)
        case DocumentQuarantined():
            yield open_case(_unreadable(event.data))
        case DocumentRead(facts=count):
            told = f"read after all by {event.actor}: {count} facts"
            yield settle_case(CaseClass.UNREADABLE_DOCUMENT, event.subject, told)
        case DocumentAnswered(response=response) if response.status in _UNWELCOME:
            yield open_case(_refused(event.subject, response))
        case _:
            return


def is_plain_pdf(problems: tuple[Problem, ...]) -> bool:
    """Whether a document is a picture of an invoice, and nothing worse is wrong with it."""
    return any(problem.detail == PLAIN for problem in problems)


def _capture(data: DocumentQuarantined, target: str) -> Intent:
    """Hand a plain PDF on to be captured, under a name that no other has."""
    name = "".join(sign if sign.isalnum() or sign in "-_ ." else "_" for sign in data.name.rpartition("/")[2])
    stem = name.removesuffix(".pdf").strip(" .")[-60:] or "document"
    payload = SendDocument(
        name=f"{stem}-{data.mark[:12]}.pdf", media_type="application/pdf", body=b"", original=data.mark
    )
    return Intent(connector=target, payload=payload, key=f"capture/{data.mark}")


def _unreadable(data: DocumentQuarantined) -> Case:
    why = "; ".join(str(problem) for problem in data.problems[:3])
    return Case(
        case_class=CaseClass.UNREADABLE_DOCUMENT,
        document=data.mark,
        reason=f"{data.name}, which came by {data.channel}, waits in quarantine: {why}",
        problems=data.problems,
    )


def _refused(mark: str, response: BusinessResponse) -> Case:
    words = " ".join((*response.reasons, response.note))
    told = f"{response.sender} {_UNWELCOME[response.status]} {response.about_kind} {response.about_number}"
    return Case(
        case_class=CaseClass.DOCUMENT_REFUSED,
        document=mark,
        reason=f"{told}: {words or 'no reason given'}",
        problems=(Problem(Code.EFFECT_REFUSED, response.about_number, actual=response.status, detail=words),),
    )


PROCESS = Process(
    name="document",
    state=State,
    routes=dict.fromkeys((DocumentQuarantined, DocumentRead, DocumentAnswered, RemittanceAdvised), by_subject),
    evolve=evolve,
    decide=decide,
)
