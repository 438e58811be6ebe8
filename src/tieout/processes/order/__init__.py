"""A purchase order, by theme: what counts, what waits, what is accrued, and its whole life."""

from tieout.processes.order.holding import is_given_back, seen_by
from tieout.processes.order.life import PROCESS
from tieout.processes.order.settling import items, kind_of
from tieout.processes.order.state import State, position, posting_day

__all__ = ["PROCESS", "State", "is_given_back", "items", "kind_of", "position", "posting_day", "seen_by"]
