"""Which order line an invoice line bills, as a person writes it: ``1 = PO-7/20``, several parted by ``;``."""

from tieout.http.problems import Fault, Trouble
from tieout.model.verdict import LineAssignment

HINT = "invoice line = order/order line, such as 1 = PO-7/20; several parted by ;"


def line_choices(text: str) -> tuple[LineAssignment, ...]:
    """What was chosen. Raises :class:`Trouble` that quotes what cannot be read, or what is chosen twice."""
    found: dict[str, LineAssignment] = {}
    for part in filter(None, (one.strip() for one in text.split(";"))):
        line_id, is_given, order_line = part.partition("=")
        order_id, _, order_line_id = order_line.rpartition("/")
        one = LineAssignment(line_id.strip(), order_id.strip(), order_line_id.strip())
        if not (is_given and one.line_id and one.order_id and one.order_line_id):
            raise _trouble(f"{part!r} is not of the form {HINT}")
        if one.line_id in found:
            raise _trouble(f"line {one.line_id} is chosen for twice")
        found[one.line_id] = one
    if not found:
        raise _trouble(f"choose at least one: {HINT}")
    return tuple(found.values())


def _trouble(detail: str) -> Trouble:
    return Trouble("bad_value", "the choice cannot be read", errors=(Fault(where="/lines", detail=detail),))
