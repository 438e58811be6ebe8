"""The one door for XML: encodings, budgets, DOCTYPEs, and places that people can find."""

import re
from collections.abc import Iterator

import pytest

from tieout.formats.reading import Limits
from tieout.formats.source import Bytes
from tieout.formats.xml import Element, child, local, place, stream, text_at, text_of, tree
from tieout.kernel.problem import Code, Problem

LIMITS = Limits()
ROOT = "<R><a>grün</a></R>"


class InPieces(Bytes):
    """A document that arrives in pieces of a given size."""

    def __init__(self, body: bytes, size: int) -> None:
        super().__init__(body)
        self._pieces = [body[start : start + size] for start in range(0, len(body), size)]

    def chunks(self) -> Iterator[bytes]:
        return iter(self._pieces)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(ROOT.encode(), id="UTF-8, undeclared"),
        pytest.param(b"\xef\xbb\xbf" + ROOT.encode(), id="UTF-8 with a mark"),
        pytest.param(f'<?xml version="1.0" encoding="utf8"?>{ROOT}'.encode(), id="utf8 as people write it"),
        pytest.param(ROOT.encode("utf-16"), id="UTF-16 with a mark"),
        pytest.param(f'<?xml version="1.0" encoding="UTF-16"?>{ROOT}'.encode("utf-16-be"), id="UTF-16 without a mark"),
        pytest.param(f'<?xml version="1.0" encoding="UTF-16"?>{ROOT}'.encode("utf-16"), id="UTF-16 declared"),
        pytest.param(ROOT.encode("utf-32"), id="UTF-32 with a mark"),
        pytest.param(f"<?xml version='1.0' encoding='ISO-8859-1'?>{ROOT}".encode("latin-1"), id="Latin-1"),
        pytest.param(f'<?xml version="1.0" encoding="windows-1252"?>{ROOT}'.encode("cp1252"), id="Windows"),
        pytest.param(f"\n <!-- > --><?p ?>{ROOT}".encode(), id="comments and blanks before the root"),
    ],
)
def test_encodings_people_use_are_read(body: bytes) -> None:
    root = tree(body, LIMITS)
    assert isinstance(root, Element), root
    assert text_at(root, "a") == "grün"
    assert [element.text for element in stream(body, ["a"], LIMITS) if isinstance(element, Element)] == ["grün"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", Problem(Code.UNREADABLE, "byte 0", detail="the document is empty")),
        (b"<R>\xff</R>", Problem(Code.UNREADABLE, "byte 3", detail="the bytes are not utf-8, which is what the document says or what holds when it says nothing")),
        (b"<R>\0</R>", Problem(Code.UNREADABLE, "byte 3", detail="a NUL byte; the file is damaged or not text")),
        (b"<!DOCTYPE R><R/>", Problem(Code.FORBIDDEN_XML, "byte 0", detail="a DOCTYPE is refused: it could declare entities or have files fetched")),
        (b"<!-- a --><!DOCTYPE R><R/>", Problem(Code.FORBIDDEN_XML, "byte 10", detail="a DOCTYPE is refused: it could declare entities or have files fetched")),
        (b"ORDERS;1", Problem(Code.UNREADABLE, "byte 0", actual="ORDERS;1", detail="this is not XML")),
        (b"<R>&x;</R>", Problem(Code.FORBIDDEN_XML, "line 1, column 7", detail="Entity 'x' not defined")),
        (b'<?xml version="1.0" encoding="UTF-7"?><R/>', Problem(Code.UNREADABLE, "XML declaration", actual="UTF-7", detail="the declared encoding is unknown, or the bytes are not in it")),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_with_its_place(body: bytes, problem: Problem) -> None:
    assert tree(body, LIMITS) == problem
    assert list(stream(body, ["R"], LIMITS))[-1] == problem


@pytest.mark.parametrize("size", [1, 3, 5, 40, 60, 10_000])
@pytest.mark.parametrize("reference", ["&x;", "<b a='&x;'/>"])
def test_nothing_is_read_after_an_entity_that_nobody_declared(size: int, reference: str) -> None:
    """lxml starts a new document there; a second one in the same file must not pass for the first."""
    body = f"<R><e>1</e><e>{reference}</e></R>{' ' * 60}<R><e>2</e></R>".encode()
    found = list(stream(InPieces(body, size), ["e", "R"], LIMITS))
    assert [element for element in found[:-1] if isinstance(element, Element) and local(element) == "R"] == []
    assert isinstance(found[-1], Problem)
    assert found[-1].code is Code.FORBIDDEN_XML


def test_deep_nesting_is_refused_as_too_large() -> None:
    problem = tree(b"<a>" * 100_000 + b"</a>" * 100_000, LIMITS)
    assert isinstance(problem, Problem)
    assert problem.code is Code.TOO_LARGE


def test_budgets() -> None:
    assert text_of(b"<R/>", Limits(bytes_max=3)) == Problem(Code.TOO_LARGE, actual="4 bytes", limit="3 bytes")
    found = text_of(b"<R><a/><a/></R>", Limits(elements_max=2))
    assert found == Problem(Code.TOO_LARGE, actual="about 3 elements", limit="2 elements")


def test_a_stream_forgets_what_was_read() -> None:
    body = b"<R><head>h</head>" + b"<e><x>1</x></e>" * 50_000 + b"</R>"
    left = 0
    for element in stream(body, ["e", "R"], LIMITS):
        assert isinstance(element, Element)
        if local(element) == "R":
            left = len(element)
            assert text_at(element, "head") == "h"
    assert left == 2  # the head and the last, empty e


def test_a_stream_tells_of_a_cut_after_the_good_ones() -> None:
    found = list(stream(b"<R><e>1</e><e>2</e><e>", ["e"], LIMITS))
    assert [type(part) for part in found] == [Element, Element, Problem]


def test_places_are_for_people() -> None:
    root = tree(b"<R>\n<a/>\n<a><b/></a><c/></R>", LIMITS)
    assert isinstance(root, Element)
    second = list(root)[1]
    found, alone = child(second, "b"), child(root, "c")
    assert found is not None
    assert alone is not None
    assert (place(found), place(alone)) == ("R/a[2]/b, line 3", "R/c, line 3")


# ── document types that a reader knows ─────────────────────────────────────────────────────────────────────────────

KNOWN = (
    re.compile(r"http://xml\.cxml\.org/schemas/cXML/[0-9.]+/[A-Za-z]+\.dtd", re.IGNORECASE),
    re.compile("-//Known//EN"),
)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE R SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.014/cXML.dtd">',
        "<!DOCTYPE R\n  SYSTEM 'http://xml.cXML.org/schemas/cXML/1.2.014/Fulfill.dtd' >",
        '<!DOCTYPE R PUBLIC "-//Known//EN" "anything.dtd">',
    ],
)
@pytest.mark.parametrize("size", [1, 10, 10_000])
def test_a_known_document_type_is_taken_away_unread(doctype: str, size: int) -> None:
    body = f'<?xml version="1.0"?>\n{doctype}\n<!-- x --><R>\n<a>1</a></R>'.encode()
    root = tree(InPieces(body, size), LIMITS, KNOWN)
    assert isinstance(root, Element), root
    assert place(next(iter(root))) == f"R/a, line {4 + doctype.count(chr(10))}"
    assert len(list(stream(InPieces(body, size), ["a"], LIMITS, KNOWN))) == 1
    assert isinstance(tree(body, LIMITS), Problem)


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE R SYSTEM "http://elsewhere/schemas/cXML/1.2.014/cXML.dtd">',
        '<!DOCTYPE R SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.014/cXML.dtd" [<!ENTITY x "y">]>',
        '<!DOCTYPE R SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.014/cXML.dtd"><!DOCTYPE R [<!ENTITY x "y">]>',
        '<!DOCTYPE R [<!ENTITY x SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.014/cXML.dtd">]>',
        '<!DOCTYPE R PUBLIC "-//Known//EN">',
        "<!DOCTYPE R>",
    ],
)
def test_any_other_document_type_is_refused(head: str) -> None:
    for problem in (tree(f"{head}<R/>".encode(), LIMITS, KNOWN), *stream(f"{head}<R/>".encode(), ["R"], LIMITS, KNOWN)):
        assert isinstance(problem, Problem)
        assert problem.code is Code.FORBIDDEN_XML


def test_an_entity_of_a_document_type_that_was_taken_away_is_refused() -> None:
    body = b'<!DOCTYPE R SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.014/cXML.dtd"><R>&nbsp;</R>'
    problem = tree(body, LIMITS, KNOWN)
    assert isinstance(problem, Problem)
    assert problem.code is Code.FORBIDDEN_XML


# ── piece by piece ─────────────────────────────────────────────────────────────────────────────────────────────────

LONG = f"<?xml version='1.0'?><!-- {'-> ' * 50}--><R>{'<e a=' + chr(34) + '/' + chr(34) + '>grün €</e>' * 1}{'<e/>' * 40}</R>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 10_000])
def test_pieces_of_any_size_give_the_same_text(encoding: str, size: int) -> None:
    body = LONG.encode(encoding)
    assert text_of(InPieces(body, size), LIMITS) == LONG.encode()
    assert len(list(stream(InPieces(body, size), ["e"], LIMITS))) == 41


@pytest.mark.parametrize("size", [1, 2, 3, 64])
def test_faults_have_the_same_place_in_pieces_of_any_size(size: int) -> None:
    for body in (b"<R>\xc3\xa9\xe2\x82</R>", b"<R>\xc3\xa9\0</R>", "<R>\0</R>".encode("utf-16-le"), b"<R/>x", b" x"):
        assert text_of(InPieces(body, size), LIMITS) == text_of(body, LIMITS)
    problem = text_of(InPieces(b"<R>\xc3\xa9\xe2\x82</R>", size), LIMITS)
    assert isinstance(problem, Problem)
    assert problem.where == "byte 5"


@pytest.mark.parametrize("size", [1, 2, 1_000])
def test_elements_are_counted_across_pieces(size: int) -> None:
    body = b"<R>" + b"<e></e>" * 9 + b"</R>"
    assert text_of(InPieces(body, size), Limits(elements_max=10)) == body
    assert isinstance(text_of(InPieces(body, size), Limits(elements_max=9)), Problem)


def test_a_prolog_has_an_end() -> None:
    problem = text_of(b"<!--" + b"x" * 2**21, LIMITS)
    assert isinstance(problem, Problem)
    assert problem.code is Code.TOO_LARGE
