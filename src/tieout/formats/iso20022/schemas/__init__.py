"""The message schemas that we ship, unmodified (see README.md), each compiled once."""

from functools import cache
from typing import Any

from lxml import etree

from tieout.formats.reading import Limits
from tieout.formats.xml import tree
from tieout.kernel.problem import Code, Problem


@cache
def schema(name: str) -> etree.XMLSchema:
    """The schema of a message such as ``pain.001.001.09``, read from the file beside this module."""
    parser = etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False)
    return etree.XMLSchema(etree.parse(f"{__path__[0]}/{name}.xsd", parser))


def validate(body: bytes, name: str) -> tuple[Problem, ...]:
    """What the schema of a message has to say about a file; nothing when it is valid."""
    root = tree(body, Limits())
    if isinstance(root, Problem):
        return (root,)
    compiled = schema(name)
    if compiled.validate(root):
        return ()
    log: Any = compiled.error_log  # a sequence of entries, which its type stub does not know
    return tuple(Problem(Code.BAD_VALUE, f"line {entry.line}", detail=str(entry.message)) for entry in log)
