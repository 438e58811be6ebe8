"""The message schemas that we ship, unmodified (see README.md), compiled once."""

from functools import cache

from lxml import etree


@cache
def pain_001() -> etree.XMLSchema:
    """The schema of pain.001.001.09, read from the file beside this module."""
    parser = etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False)
    return etree.XMLSchema(etree.parse(f"{__path__[0]}/pain.001.001.09.xsd", parser))
