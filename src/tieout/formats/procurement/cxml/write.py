"""Write the cXML ``Response`` that answers any request: a status and a word about it, nothing of the request itself."""

from collections.abc import Iterator
from datetime import datetime

from lxml import etree

from tieout.formats.procurement.cxml.answers import STATUS
from tieout.formats.unwritable import prose, unfit
from tieout.formats.written import Written
from tieout.kernel.problem import Code, Problem

DOCTYPE = '<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.020/cXML.dtd">'
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def write_response(code: str, payload_id: str, at: datetime, detail: str = "") -> Written:
    """The answer to a request: ``200`` taken, ``201`` taken and not yet looked at, ``4xx`` never send it again like
    this, ``5xx`` send it again later. ``payload_id`` is a new one of ours; ``at`` has a time zone."""
    problems = tuple(_obstacles(code, payload_id, at))
    if problems:
        return Written(problems=problems)
    root = etree.Element("cXML", {"payloadID": payload_id, "timestamp": at.isoformat(timespec="seconds")})
    response = etree.SubElement(root, "Response")
    status = etree.SubElement(response, "Status", {"code": code, "text": STATUS.meaning(code), _LANGUAGE: "en-US"})
    status.text = prose(detail)
    return Written(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True, doctype=DOCTYPE))


def _obstacles(code: str, payload_id: str, at: datetime) -> Iterator[Problem]:
    if code not in STATUS:
        yield Problem(Code.UNKNOWN_CODE, "code", expected=", ".join(STATUS.codes), actual=code)
    if problem := unfit(payload_id, "payload_id"):
        yield problem
    if at.tzinfo is None:
        yield Problem(Code.BAD_VALUE, "at", expected="a time with its time zone", actual=at.isoformat())
