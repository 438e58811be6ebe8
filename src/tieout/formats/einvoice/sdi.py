"""Notifications of the Italian exchange system (SdI) about files that were sent through it.

=============================================  ==========================================================
``RicevutaConsegna`` (RC)                      delivered: accepted
``NotificaScarto``, ``RicevutaScarto`` (NS)    thrown out by the controls: rejected, with each error
``NotificaMancataConsegna`` and                the file is in order and could not be delivered: noted
``RicevutaImpossibilitaRecapito`` (MC),
``AttestazioneTrasmissioneFattura`` (AT)
``NotificaDecorrenzaTermini`` (DT)             the buyer did not answer in 15 days and no longer can: noted
``ScartoEsitoCommittente`` (SE)                our answer to a supplier was not taken: rejected
``NotificaEsito`` (NE),                        what the buyer decided: accepted or refused
``NotificaEsitoCommittente`` (EC)
``MetadatiInvioFile`` (MT)                     comes with an invoice for us and says nothing about it
=============================================  ==========================================================
"""

from collections.abc import Iterator

from msgspec import Struct

from tieout.formats.codes import load
from tieout.formats.einvoice.italian import Node
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.xml import local, place, tree
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Acknowledgment, BusinessResponse

SENDER = "SdI"
OUTCOMES = load("sdi_outcomes")
_METADATA = "MetadatiInvioFile"


class _Kind(Struct, frozen=True):
    """What a notification is called in short, and what it says about the file."""

    code: str
    status: str


ACKNOWLEDGMENTS = {
    "RicevutaConsegna": _Kind("RC", "accepted"),
    "NotificaScarto": _Kind("NS", "rejected"),
    "RicevutaScarto": _Kind("NS", "rejected"),
    "NotificaMancataConsegna": _Kind("MC", "noted"),
    "RicevutaImpossibilitaRecapito": _Kind("MC", "noted"),
    "AttestazioneTrasmissioneFattura": _Kind("AT", "noted"),
    "NotificaDecorrenzaTermini": _Kind("DT", "noted"),
    "ScartoEsitoCommittente": _Kind("SE", "rejected"),
}
ANSWERS = ("NotificaEsito", "NotificaEsitoCommittente")
ROOTS = (*ACKNOWLEDGMENTS, *ANSWERS, _METADATA)


def read_sdi(source: Source, context: Context, findings: Findings) -> Iterator[Acknowledgment | BusinessResponse]:
    """Read one notification."""
    root = tree(source.whole(), context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    node, name = Node(root, findings), local(root)
    if name in ACKNOWLEDGMENTS:
        yield from _acknowledgment(node, ACKNOWLEDGMENTS[name])
    elif name in ANSWERS:
        yield from _answer(node, node.node("EsitoCommittente") or node)
    elif name == _METADATA:
        node.text("IdentificativoSdI")
        detail = "metadata that SdI sends with an invoice; the invoice itself is another file"
        node.note(Code.UNSUPPORTED_CONTENT, "NomeFile", actual=node.raw("NomeFile"), detail=detail)
    else:
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected="a notification of SdI", actual=name)


def _acknowledgment(node: Node, kind: _Kind) -> Iterator[Acknowledgment]:
    number = node.text("IdentificativoSdI")
    file = node.optional("NomeFile") if kind.code == "SE" else node.text("NomeFile")
    problems = tuple(_problems(node))
    if kind.code == "NS" and not problems:
        node.fault(Code.MISSING_FIELD, "ListaErrori", expected="why the file was thrown out")
    if node.findings.complete:
        yield Acknowledgment(
            kind=f"SdI {kind.code}",
            sender=SENDER,
            receiver=node.optional("Destinatario", "Codice"),
            status=kind.status,
            interchange=file,
            group=number,
            problems=problems,
        )


def _problems(node: Node) -> Iterator[Problem]:
    """Why: the errors that the controls found, or what SdI says in words."""
    for error in node.nodes("ListaErrori", "Errore"):
        detail = f"SdI {error.text('Codice')}: {error.optional('Descrizione')}"
        yield Problem(Code.BAD_VALUE, place(error.element), detail=detail)
    if node.has("Scarto"):
        code = node.text("Scarto")
        yield Problem(Code.BAD_VALUE, node.where("Scarto"), actual=code, detail=OUTCOMES.meaning(code))
    if node.has("Descrizione"):
        yield Problem(Code.UNSUPPORTED_CONTENT, node.where("Descrizione"), detail=node.optional("Descrizione"))


def _answer(node: Node, answer: Node) -> Iterator[BusinessResponse]:
    """NE and EC: what the buyer decided about one invoice, or about all invoices of the file."""
    code = answer.text("Esito")
    status = OUTCOMES.meaning(code).partition(": ")[0] if code.startswith("EC") else ""
    if code and not status:
        answer.fault(Code.BAD_VALUE, "Esito", expected="EC01 (accepted) or EC02 (refused)", actual=code)
    number = answer.optional("RiferimentoFattura", "NumeroFattura")
    about = number or node.optional("NomeFile") or answer.text("IdentificativoSdI")
    message = node.optional("MessageId") or answer.optional("MessageIdCommittente")
    response = BusinessResponse(
        response_id=f"{answer.text('IdentificativoSdI')}/{message}",
        about_kind="invoice" if number else "file",
        about_number=about,
        status=status,
        sender=SENDER,
        note=answer.optional("Descrizione"),
    )
    if node.findings.complete:
        yield response
