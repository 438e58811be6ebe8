"""How many mails come in a minute. Pure but for the clock it is given."""

from collections import deque
from datetime import datetime, timedelta

from tieout.kernel.clock import Clock

_MINUTE = timedelta(minutes=1)
_CALLERS_MAX = 10_000


class Pace:
    """Counts the mails of the last minute, in all and of each caller. For one thread."""

    def __init__(self, clock: Clock, per_minute: int, per_minute_of_one: int) -> None:
        self._clock = clock
        self._all: deque[datetime] = deque()
        self._of: dict[str, deque[datetime]] = {}
        self._per_minute = per_minute
        self._per_minute_of_one = per_minute_of_one

    def allows(self, caller: str) -> bool:
        """Whether one more may come now; if so, it is counted."""
        now = self._clock.now()
        if len(self._of) > _CALLERS_MAX:
            self._of = {each: times for each, times in self._of.items() if times[-1] > now - _MINUTE}
        own = self._of.setdefault(caller, deque())
        for times in (self._all, own):
            while times and times[0] <= now - _MINUTE:
                times.popleft()
        if len(self._all) >= self._per_minute or len(own) >= self._per_minute_of_one:
            if not own:
                del self._of[caller]
            return False
        self._all.append(now)
        own.append(now)
        return True
