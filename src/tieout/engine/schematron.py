"""The official rules of EN 16931, Peppol, XRechnung and others, run as they are published: Schematron compiled to XSLT.

Our own rules (:mod:`tieout.formats.einvoice.rules`) decide what may be acted on. These here are for those who want to
tell a supplier everything that is wrong with a document, in the words of the standard.

Rules and documents both come from outside, and Saxon left alone reads any file and fetches any URL that they name. So
it sees only text that our own XML core has parsed (no DOCTYPE, no entities) and written anew; it may open no address
of any kind; and rules that include, write or evaluate something are refused before they are compiled. An XSLT can
still run for ever, so what is added is for an administrator to choose.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from lxml import etree
from msgspec import Struct

from tieout.formats.reading import Limits
from tieout.formats.xml import Element, children, local, namespace, text_at, tree
from tieout.kernel.errors import ConfigError
from tieout.kernel.ids import fingerprint
from tieout.kernel.problem import Code, Problem

_XSLT = "http://www.w3.org/1999/XSL/Transform"
_SVRL = "http://purl.oclc.org/dsdl/svrl"
_SCHEMATRON = ("http://purl.oclc.org/dsdl/schematron", "http://www.ascc.net/xml/schematron")
#: What Saxon may not do: open an address (``doc()``, ``unparsed-text()``, ``collection()``, a stylesheet), and call
#: into Java or ask the system, which also turns extension instructions off.
_FEATURES = {
    "http://saxon.sf.net/feature/allowedProtocols": "none",
    "http://saxon.sf.net/feature/allow-external-functions": "false",
}
#: Instructions of XSLT that reach out of the stylesheet, write files, or run text as code.
_BARRED = {
    *("evaluate", "import", "import-schema", "include", "merge-source", "result-document", "source-document"),
    *("stream", "use-package"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}", re.ASCII)
#: One step of a location: ``*:Invoice[namespace-uri()='…'][1]``, ``Q{…}Invoice[1]`` or ``cac:Party[1]``.
_STEP = re.compile(
    r"/(?:\*:|Q\{[^}]*\}|[\w.-]+:)?([\w.-]+)(?:\[namespace-uri\(\)\s*=\s*['\"][^'\"]*['\"]\])?(?:\[(\d+)\])?"
)
_LIMITS = Limits(bytes_max=32 * 2**20, elements_max=2_000_000)


class RuleSet(Struct, frozen=True):
    """One set of rules that was added: its name, how many rules it has, and the mark of its file."""

    name: str
    rules: int
    mark: str


class Broken(Struct, frozen=True):
    """A rule that a document breaks. ``flag`` is what the rules say: ``fatal``, ``error``, ``warning``, …"""

    rules: str
    rule_id: str
    flag: str
    problem: Problem


class Checked(Struct, frozen=True):
    """What one set of rules says of a document, which it ``applies`` to if any of its rules looked at it."""

    name: str
    applies: bool
    broken: tuple[Broken, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether nothing but warnings was found."""
        return not any(each.flag not in ("warning", "information", "info") for each in self.broken)


class Rules:
    """The sets of rules in a folder. Not for several threads at once: Saxon is one machine inside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._compiled: dict[str, Any] = {}

    # ── what there is ──────────────────────────────────────────────────────────────────────────────────────────────

    def sets(self) -> tuple[RuleSet, ...]:
        """The sets of rules, by name."""
        return tuple(_rule_set(file.stem, file.read_bytes()) for file in sorted(self.folder.glob("*.xslt")))

    def add(self, file: Path) -> RuleSet:
        """Keep a set of rules under the name of its file, replacing one of that name. Raises ``ConfigError``."""
        if not _NAME.fullmatch(file.stem):
            raise ConfigError(f"{file.name}: rename it to letters, digits, dots and dashes; it names the rules")
        body = file.read_bytes()
        text = _admitted(file.name, body)
        executable = self._compile(file.name, text)
        if local(_answer(self._run(executable, "<nothing/>"))) != "schematron-output":
            raise ConfigError(f"{file.name} is an XSLT, but not compiled Schematron: its answer is not SVRL")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{file.stem}.xslt").write_bytes(body)
        self._compiled[file.stem] = executable
        return _rule_set(file.stem, body)

    # ── running ────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, xml: bytes) -> tuple[Checked, ...] | Problem:
        """What every set says of a document, or why it cannot be looked at."""
        root = tree(xml, _LIMITS)
        if isinstance(root, Problem):
            return root
        text = etree.tostring(root, encoding="unicode")
        return tuple(self._check(each.name, root, text) for each in self.sets())

    def _check(self, name: str, root: Element, text: str) -> Checked:
        try:
            answer = _answer(self._run(self._executable(name), text))
        except (ConfigError, _saxon_error()) as error:
            detail = f"the rules could not be run: {' '.join(str(error).split())[:300]}"
            return Checked(name, True, (Broken(name, "", "fatal", Problem(Code.UNREADABLE, detail=detail)),))
        applies = next(children(answer, "fired-rule"), None) is not None
        return Checked(name, applies, tuple(_broken(name, answer, root)))

    def _executable(self, name: str) -> Any:
        if name not in self._compiled:
            file = self.folder / f"{name}.xslt"
            self._compiled[name] = self._compile(file.name, _admitted(file.name, file.read_bytes()))
        return self._compiled[name]

    # ── Saxon ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _saxon(self) -> Any:
        processor = _saxonche().PySaxonProcessor(license=False)
        for feature, value in _FEATURES.items():
            processor.set_configuration_property(feature, value)
        return processor

    def _compile(self, name: str, text: str) -> Any:
        try:
            return self._saxon.new_xslt30_processor().compile_stylesheet(stylesheet_text=text)
        except _saxon_error() as error:
            raise ConfigError(f"{name} cannot be compiled: {' '.join(str(error).split())[:300]}") from None

    def _run(self, executable: Any, text: str) -> str:
        document = self._saxon.parse_xml(xml_text=text)
        return str(executable.transform_to_string(xdm_node=document))


def _saxonche() -> Any:
    try:
        return import_module("saxonche")
    except ImportError:
        raise ConfigError("the official rules need Saxon: install tieout[einvoice], or the package saxonche") from None


def _saxon_error() -> type[Exception]:
    error: type[Exception] = _saxonche().PySaxonApiError
    return error


def _admitted(name: str, body: bytes) -> str:
    """The stylesheet as our XML core reads it, if it keeps to itself. Raises ``ConfigError``."""
    root = tree(body, _LIMITS)
    if isinstance(root, Problem):
        raise ConfigError(f"{name}: {root}")
    if namespace(root) in _SCHEMATRON:
        raise ConfigError(f"{name} is Schematron source: add its compiled form (XSLT), which its publisher has, too")
    if namespace(root) != _XSLT:
        raise ConfigError(f"{name} is {local(root)}, not compiled Schematron (XSLT)")
    barred = sorted({local(each) for each in root.iter(f"{{{_XSLT}}}*")} & _BARRED)
    if barred:
        raise ConfigError(f"{name} uses xsl:{', xsl:'.join(barred)}; rules may reach nothing outside of themselves")
    return etree.tostring(root, encoding="unicode")


def _rule_set(name: str, body: bytes) -> RuleSet:
    """A set with the number of its rules: each is a place that writes an assertion with an id."""
    return RuleSet(
        name, len(set(re.findall(rb'<xsl:attribute name="id">([^<]+)</xsl:attribute>', body))), fingerprint(body)
    )


# ── the answer ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _answer(text: str) -> Element:
    """The validation report. It comes from Saxon, but what it quotes comes from outside."""
    root = tree(text.encode(), _LIMITS)
    if isinstance(root, Problem):
        raise ConfigError(f"the rules gave no report: {root}")
    return root


def _broken(name: str, answer: Element, root: Element) -> Iterator[Broken]:
    """Assertions that failed and reports that were made, each where it was."""
    for kind in ("failed-assert", "successful-report"):
        for each in children(answer, kind):
            detail = " ".join(text_at(each, "text").split())
            where = _where(each.get("location", ""), root)
            flag = (each.get("flag") or each.get("role") or "error").lower()
            yield Broken(name, each.get("id", ""), flag, Problem(Code.BAD_VALUE, where, detail=detail))


def _where(location: str, root: Element) -> str:
    """A location as people read it, with its line: ``Invoice/InvoiceLine[2]/Price, line 40``."""
    steps = [(match[1], int(match[2] or 1)) for match in _STEP.finditer(location)]
    found: Element | None = root
    for name, number in steps[1:]:
        below = list(children(found, name))
        found = below[number - 1] if number <= len(below) else None
    path = "/".join(name if number == 1 else f"{name}[{number}]" for name, number in steps)
    return f"{path}, line {found.sourceline}" if found is not None else path
