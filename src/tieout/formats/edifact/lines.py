"""What lines of all messages say alike: which item it is, and which line of which order."""

from tieout.formats import fields
from tieout.formats.commodity import SCHEMES, category_of
from tieout.formats.edifact.message import Message, part
from tieout.formats.edifact.tree import Node

#: Kinds of item numbers (7143) in ``PIA``, the best first: GTIN, of the supplier, of the buyer, of the maker.
_ITEM_NUMBERS = ("EN", "SRV", "SA", "IN", "BP", "MF")


def item(message: Message, node: Node) -> str:
    """The item of a line: that of ``LIN``, else the supplier's or the buyer's number of ``PIA``."""
    if found := message.text(node.segment, 3):
        return found
    numbers = {
        part(segment, element, 2): message.text(segment, element)
        for segment in reversed(list(node.every("PIA")))
        for element in range(6, 1, -1)
        if part(segment, element)
    }
    others = (number for kind, number in reversed(numbers.items()) if kind not in SCHEMES)
    return next((numbers[kind] for kind in _ITEM_NUMBERS if kind in numbers), "") or next(others, "")


def classified(message: Message, node: Node) -> str:
    """What kind of thing a line is about: the best of the classifications among its numbers (``PIA``, 7143)."""
    return category_of(
        (part(segment, element, 2), message.text(segment, element), "")
        for segment in node.every("PIA")
        for element in range(2, 7)
    )


def description(message: Message, node: Node) -> str:
    """What a line calls its item (``IMD``), the name before the long text."""
    for segment in (*node.every("IMD", "F"), *node.every("IMD")):
        words = " ".join(text for number in (4, 5) if (text := message.text(segment, 3, number)))
        if words:
            return fields.one_line(words)
    return ""


def order_line(message: Message, node: Node) -> str:
    """The line of the order: beside the order number (``RFF+ON:PO-1:20``), or a reference of its own (``RFF+LI``)."""
    for group in node.under("RFF", "ON"):
        if found := message.text(group.segment, 1, 3):
            return found
    return message.reference(node, "LI")
