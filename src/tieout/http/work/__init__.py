"""What people decide, through a page or a key: duties and separation of duties are checked here, once for both doors.

A decision becomes a fact that is offered through intake, with the person as its actor; what follows from it is the
processes' business. The checks here spare people a refusal that would otherwise come a moment later, as an event.
"""

from tieout.http.work.absences import AbsenceWork, Away
from tieout.http.work.acts import ACTS, Act, name_of, offered_acts
from tieout.http.work.cases import ATTACHMENT_BYTES_MAX, NAME_MAX, CaseWork, case_of
from tieout.http.work.controls import ControlWork
from tieout.http.work.runs import Proposed, RunWish, RunWork
from tieout.http.work.writes import effects_of_case

__all__ = [
    "ACTS",
    "ATTACHMENT_BYTES_MAX",
    "NAME_MAX",
    "Act",
    "Away",
    "Proposed",
    "RunWish",
    "Work",
    "case_of",
    "effects_of_case",
    "name_of",
    "offered_acts",
]


class Work(CaseWork, ControlWork, RunWork, AbsenceWork):
    """What people decide. Every method runs in a thread; what may not be raises
    :class:`~tieout.http.problems.Trouble`."""
