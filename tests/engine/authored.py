"""A policy of which it is known who drafted and approved it."""

from datetime import datetime

from msgspec import Struct

from tieout.policy.authorship import Authorship
from tieout.policy.duties import Act
from tieout.policy.policy import Policy


class Authored(Struct, frozen=True):
    """What a unit of work and a door ask for the policy, as after a release."""

    policy: Policy
    authors: tuple[Act, ...] = ()

    def at(self, moment: datetime) -> Policy:
        return self.policy

    def authorship_at(self, moment: datetime) -> Authorship:
        return Authorship(self.authors)
