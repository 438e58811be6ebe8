"""What was inside a container, and what it may grow to while it is being opened."""

from msgspec import Struct, structs

from tieout.formats.reading import Findings, Limits
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem

#: So many documents at most come out of one container, with all that is nested in it.
PARTS_MAX = 1_000
#: A container in a container in a container: nobody who means well goes deeper.
DEPTH_MAX = 4
#: Deflate can swell a thousandfold; a real document hardly ever a hundredfold. Small ones may: they do no harm.
RATIO_MAX = 250
RATIO_FREE = 1024 * 1024
#: A name longer than this is not a name of a file.
NAME_MAX = 255


class Part(Struct, frozen=True):
    """One document that was inside another.

    ``name`` is a path for people, through every container (``march.zip/invoice-7.xml``); no file is ever made of it.
    ``role`` is what the container says the part is to it, such as the relationship of a PDF to its attachment.
    """

    name: str
    media_type: str
    source: Source
    role: str = ""


class Contents(Struct, frozen=True):
    """What opening a document gave. ``kind``: ``zip``, ``gzip``, ``eml``, ``p7m``, ``pdf``, or empty for no container.

    A container is taken whole or not at all: when it is not ``complete`` there are no parts, and the diagnostics say
    what is wrong with it and where. Otherwise they are things worth knowing.
    """

    kind: str = ""
    parts: tuple[Part, ...] = ()
    diagnostics: tuple[Problem, ...] = ()
    complete: bool = True


class Budget:
    """What one received document may grow to, counted over everything that is nested in it."""

    def __init__(self, limits: Limits) -> None:
        self.bytes_max = limits.bytes_max
        self.bytes_left = limits.bytes_max
        self.parts_left = PARTS_MAX

    def spend(self, count: int) -> Problem | None:
        """Take so many unpacked bytes off the budget, or say that they are too many."""
        self.bytes_left -= count
        if self.bytes_left >= 0:
            return None
        return Problem(
            Code.TOO_LARGE, limit=f"{self.bytes_max} bytes in all", detail="a bomb: what is packed is too large"
        )

    def count_part(self) -> Problem | None:
        """Take one document off the budget."""
        self.parts_left -= 1
        if self.parts_left >= 0:
            return None
        return Problem(Code.TOO_LARGE, limit=f"{PARTS_MAX} documents", detail="too many documents in one container")


def swelling(packed: int, unpacked: int) -> Problem | None:
    """What there is to say about data that becomes far larger than any real document does."""
    if unpacked <= RATIO_FREE or unpacked <= packed * RATIO_MAX:
        return None
    actual = f"{packed} bytes become {unpacked} or more"
    return Problem(Code.TOO_LARGE, actual=actual, limit=f"{RATIO_MAX} times", detail="a bomb: it swells beyond reason")


def tell(findings: Findings, problem: Problem, where: str) -> None:
    """Refuse the container for a problem that was found in one of its parts."""
    findings.refuse(within(problem, where))


def within(problem: Problem, where: str) -> Problem:
    """A problem with the name of the part in front of its place."""
    return structs.replace(problem, where=", ".join(place for place in (where, problem.where) if place))


def plain_name(text: str) -> str | None:
    """A name from inside a container as a path of plain names; nothing when it tries to leave its folder."""
    path = text.replace("\\", "/")
    steps = path.rstrip("/").split("/")
    is_bad = not path or len(path) > NAME_MAX or any(ord(sign) < 32 or ord(sign) == 127 for sign in path)
    if is_bad or path.startswith("/") or ":" in steps[0] or any(step.strip() in ("", ".", "..") for step in steps):
        return None
    return "/".join(steps)


def joined(outer: str, inner: str) -> str:
    """The name of a part within the name of its container."""
    return f"{outer}/{inner}" if outer else inner
