"""What every writer gives back: the document, or why there is none. A document that is not right is never written."""

from msgspec import Struct

from tieout.kernel.problem import Problem


class Written(Struct, frozen=True):
    """A document, or why there is none. ``body`` is empty exactly when there are problems."""

    body: bytes = b""
    problems: tuple[Problem, ...] = ()
