"""UBL ``ApplicationResponse``: what a business or a network answers to a document.

Read are the Peppol invoice response (T111: what the buyer thinks of an invoice), the message level response (T71) and
status (MLS) (whether a message could be read). Written is the invoice response, which tells a supplier what became of
an invoice.

A reason names its code list first, as ``OPStatusReason REF`` (why) or ``OPStatusAction NIN`` (what to do).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from lxml import etree

from tieout.formats.codes import load
from tieout.formats.einvoice.node import Node
from tieout.formats.einvoice.ubl_write import CAC, CBC, NOT_XML
from tieout.formats.format import Format, Head
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.formats.written import Written
from tieout.formats.xml import Element, namespace, place, tree
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Acknowledgment, BusinessResponse

RESPONSE = "ubl-application-response"
NAMESPACE = "urn:oasis:names:specification:ubl:schema:xsd:ApplicationResponse-2"
CUSTOMIZATION = "urn:fdc:peppol.eu:poacc:trns:invoice_response:3"
PROFILE = "urn:fdc:peppol.eu:poacc:bis:invoice_response:3"
#: Specifications (BT-24 of the response) that speak of the message, not of the business.
_OF_MESSAGES = {":mlr:": "MLR", ":mls:": "MLS"}
_MESSAGE_STATUS = {"AB": "accepted", "AP": "accepted", "RE": "rejected"}
ANSWERS, REASONS, ACTIONS = "peppol_answers", "OPStatusReason", "OPStatusAction"
_LISTS = {REASONS: "peppol_status_reasons", ACTIONS: "peppol_status_actions"}
#: Answers that must say why (rule PEPPOL-T111-R001).
_MUST_SAY_WHY = {"UQ", "CA", "RE"}
#: What an answer is about, by our names for it (UNTDID 1001).
_KINDS = {"invoice": "380", "credit_note": "381"}


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_response(source: Source, context: Context, findings: Findings) -> Iterator[BusinessResponse | Acknowledgment]:
    """Read one ``ApplicationResponse``, with an answer for each document it speaks of."""
    root = tree(source.whole(), context.limits)
    if isinstance(root, Problem):
        findings.refuse(root)
        return
    if namespace(root) != NAMESPACE:
        actual = f"{namespace(root) or 'no namespace'}"
        findings.fault(Code.UNKNOWN_FORMAT, place(root), expected="a UBL ApplicationResponse", actual=actual)
        return
    node = Node(root, findings)
    profile = node.text("CustomizationID").lower()
    kind = next((name for mark, name in _OF_MESSAGES.items() if mark in f"{profile}:"), "")
    issued_on = node.day("IssueDate")
    if "IssueDate" not in node:
        findings.fault(Code.MISSING_FIELD, place(root), expected="the day of the answer (IssueDate)")
    answers = list(node.all("DocumentResponse"))
    if not answers:
        findings.fault(Code.MISSING_FIELD, place(root), expected="a document that is answered (DocumentResponse)")
    for number, answer in enumerate(answers, 1):
        if kind:
            yield from _message_answer(node, answer, kind)
        else:
            yield from _business_answer(node, answer, number, issued_on)


def _business_answer(node: Node, answer: Node, number: int, issued_on: date | None) -> Iterator[BusinessResponse]:
    """What a business thinks of a document."""
    findings = node.findings
    response, about = answer.group("Response"), answer.group("DocumentReference")
    status, about_number = response.text("ResponseCode"), about.text("ID")
    if not status:
        findings.fault(Code.MISSING_FIELD, answer.where, expected="an answer (ResponseCode)")
    elif status not in load(ANSWERS):
        findings.note(Code.UNKNOWN_CODE, answer.where, actual=status, detail="an answer that is not of UNCL 4343")
    if not about_number:
        findings.fault(Code.MISSING_FIELD, answer.where, expected="the number of the document that is answered")
    reasons, told = [], [*node.texts("Note"), *response.texts("Description")]
    for each in response.all("Status"):
        reasons += _reason(each)
        told += _told(each)
    if not (status and about_number):
        return
    response_id = node.text("ID")
    yield BusinessResponse(
        response_id=response_id if number == 1 else f"{response_id}/{number}",
        about_kind=about.text("DocumentTypeCode"),
        about_number=about_number,
        status=status,
        sender=_endpoint(node, "SenderParty"),
        receiver=_endpoint(node, "ReceiverParty"),
        responded_on=response.day("EffectiveDate") or issued_on,
        reasons=tuple(reasons),
        note="; ".join(told),
    )


def _reason(node: Node) -> list[str]:
    """A reason with its list in front; without a list, the one that has the code."""
    code = node.text("StatusReasonCode")
    if not code:
        return []
    name = node.attribute("listID", "StatusReasonCode")
    if name not in _LISTS:
        name = next((each for each, codes in _LISTS.items() if code in load(codes)), name)
    if code not in load(_LISTS.get(name, _LISTS[REASONS])):
        node.findings.note(Code.UNKNOWN_CODE, node.where, actual=f"{name} {code}", detail="a reason of no known list")
    return [f"{name} {code}".strip()]


def _told(node: Node) -> Iterator[str]:
    """What a status says in words: the reason, and what is wrong with which term."""
    yield from node.texts("StatusReason")
    for condition in node.all("Condition"):
        yield " ".join(filter(None, (f"{condition.text('AttributeID')}:", *condition.texts("Description"))))


def _message_answer(node: Node, answer: Node, kind: str) -> Iterator[Acknowledgment]:
    """Whether a message could be read; what is wrong with it, line by line."""
    findings = node.findings
    response, about = answer.group("Response"), answer.group("DocumentReference")
    code, control = response.text("ResponseCode"), about.text("ID")
    status = _MESSAGE_STATUS.get(code, "")
    if not status:
        findings.fault(Code.BAD_VALUE, answer.where, expected="AB, AP or RE (ResponseCode)", actual=code)
    if not control:
        findings.fault(Code.MISSING_FIELD, answer.where, expected="the message that is answered (DocumentReference)")
    problems = tuple(_line_problem(line) for line in answer.all("LineResponse"))
    if status == "rejected" and not problems:
        problems = (Problem(Code.BAD_VALUE, detail=" ".join(response.texts("Description"))),)
    if not (status and control):
        return
    yield Acknowledgment(
        kind=kind,
        sender=_endpoint(node, "SenderParty"),
        receiver=_endpoint(node, "ReceiverParty"),
        status="noted" if status == "accepted" and problems else status,
        interchange=control,
        message_kind=about.text("DocumentTypeCode"),
        problems=problems,
    )


def _line_problem(node: Node) -> Problem:
    """One thing that is wrong with our message, where they found it."""
    response = node.group("Response")
    code = response.text("Status", "StatusReasonCode")
    meaning = load("peppol_message_faults").meaning(code)
    told = " ".join(response.texts("Description"))
    where = node.text("LineReference", "LineID")
    detail = ": ".join(filter(None, (f"{code} ({meaning})" if meaning else code, told)))
    return Problem(Code.BAD_VALUE, where, detail=detail)


def _endpoint(node: Node, role: str) -> str:
    """A participant as Peppol writes it: ``0088:5798000012349``."""
    party = node.group(role)
    value, scheme = party.text("EndpointID"), party.attribute("schemeID", "EndpointID")
    return f"{scheme}:{value}" if value and scheme else value


# ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_invoice_response(response: BusinessResponse, buyer_name: str, seller_name: str) -> Written:
    """The Peppol invoice response (BIS 3, T111). ``sender`` and ``receiver`` of the response are participant ids."""
    problems = tuple(_obstacles(response, buyer_name, seller_name))
    if problems:
        return Written(problems=problems)
    spaces: Any = {None: NAMESPACE, "cac": CAC, "cbc": CBC}
    root = etree.Element(f"{{{NAMESPACE}}}ApplicationResponse", nsmap=spaces)
    assert response.responded_on is not None  # looked at above
    _basic(root, "CustomizationID", CUSTOMIZATION)
    _basic(root, "ProfileID", PROFILE)
    _basic(root, "ID", response.response_id)
    _basic(root, "IssueDate", response.responded_on.isoformat())
    if response.note:
        _basic(root, "Note", response.note)
    _party(root, "SenderParty", response.sender, buyer_name)
    _party(root, "ReceiverParty", response.receiver, seller_name)
    answer = etree.SubElement(root, f"{{{CAC}}}DocumentResponse")
    element = etree.SubElement(answer, f"{{{CAC}}}Response")
    _basic(element, "ResponseCode", response.status)
    _basic(element, "EffectiveDate", response.responded_on.isoformat())
    for reason in response.reasons:
        name, _, code = reason.partition(" ")
        status = etree.SubElement(element, f"{{{CAC}}}Status")
        _basic(status, "StatusReasonCode", code, listID=name)
        if code == "OTH":
            _basic(status, "StatusReason", response.note)
    reference = etree.SubElement(answer, f"{{{CAC}}}DocumentReference")
    _basic(reference, "ID", response.about_number)
    _basic(reference, "DocumentTypeCode", _KINDS.get(response.about_kind, response.about_kind))
    return Written(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _obstacles(response: BusinessResponse, buyer_name: str, seller_name: str) -> Iterator[Problem]:
    """What stands between a response and a valid document."""
    if response.status not in load(ANSWERS):
        yield Problem(Code.BAD_VALUE, "status", expected=", ".join(load(ANSWERS).codes), actual=response.status)
    if response.status in _MUST_SAY_WHY and not response.reasons:
        detail = "PEPPOL-T111-R001: whoever queries, rejects or sets conditions says why"
        yield Problem(Code.MISSING_FIELD, "reasons", expected="OPStatusReason REF, for one", detail=detail)
    for reason in response.reasons:
        name, _, code = reason.partition(" ")
        if name not in _LISTS or code not in load(_LISTS[name]):
            yield Problem(Code.UNKNOWN_CODE, "reasons", expected=f"a code of {' or '.join(_LISTS)}", actual=reason)
        elif code == "OTH" and not response.note.strip():
            yield Problem(Code.MISSING_FIELD, "note", expected="the reason in words", detail="PEPPOL-T111-R002")
    needed = {
        "response_id": response.response_id,
        "about_number": response.about_number,
        "buyer_name": buyer_name,
        "seller_name": seller_name,
    }
    for where, text in needed.items():
        if not NOT_XML.sub("", text).strip():
            yield Problem(Code.MISSING_FIELD, where, expected="a text")
    if response.responded_on is None:
        yield Problem(Code.MISSING_FIELD, "responded_on", expected="a day")
    kind = _KINDS.get(response.about_kind, response.about_kind)
    if not (kind.isascii() and kind.isdigit()):
        yield Problem(Code.BAD_VALUE, "about_kind", expected="invoice, credit_note or a code", actual=kind)
    for where, participant in (("sender", response.sender), ("receiver", response.receiver)):
        scheme, _, value = participant.partition(":")
        if not (scheme.strip() and value.strip()):
            yield Problem(
                Code.BAD_VALUE, where, expected="a participant such as 0088:5798000012349", actual=participant
            )


def _party(root: Element, role: str, participant: str, name: str) -> None:
    party = etree.SubElement(root, f"{{{CAC}}}{role}")
    scheme, _, value = participant.partition(":")
    _basic(party, "EndpointID", value, schemeID=scheme)
    _basic(etree.SubElement(party, f"{{{CAC}}}PartyLegalEntity"), "RegistrationName", name)


def _basic(parent: Element, name: str, text: str, **attributes: str) -> None:
    element = etree.SubElement(parent, f"{{{CBC}}}{name}", attributes)
    element.text = NOT_XML.sub("", text)


def _is_response(head: Head) -> bool:
    return head.elements[:1] == ("ApplicationResponse",)


_TITLE = "UBL ApplicationResponse (Peppol invoice response, message level response)"
FORMATS = (Format(RESPONSE, _TITLE, "application/xml", "e-invoices", read_response, _is_response),)
