"""The peer: a workflow engine that gives each invoice a durable workflow of its own."""

from msgspec import Struct


class Comparison(Struct, frozen=True, kw_only=True):
    """The same work over HTTP, invoices a second."""

    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """How many times as fast."""
        return self.ours / self.theirs


def compare(server: str) -> Comparison | None:
    """Measure both on the same PostgreSQL."""
    return None
