"""What a reviewer says about a compensating control."""

from uuid import uuid4

from tieout.http.callers import Caller, require
from tieout.http.problems import Trouble
from tieout.http.work.desk import SOURCE, Desk, check_reason
from tieout.kernel.ids import derive, fingerprint
from tieout.model import facts as f
from tieout.model.events import Lane, Message
from tieout.policy.duties import same_actor


class ControlWork(Desk):
    """Reviews of compensating controls."""

    def review_control(self, caller: Caller, name: str, remark: str, nonce: str = "") -> None:
        """Say what was found when a compensating control was reviewed. Only its reviewer can."""
        require(caller, "review_control")
        control = next((one for one in self._door.policy().controls if one.name == name), None)
        if control is None:
            raise Trouble("not_found", f"there is no control {name!r} in the policy")
        if not same_actor(control.reviewer, caller.person.name):
            raise Trouble("same_person", f"the control {name!r} is reviewed by {control.reviewer}")
        check_reason(remark)
        person, home, told = caller.person.actor, f.control_home(name), fingerprint(remark.encode())
        self._offer(
            Message(
                source=SOURCE,
                key=derive("act", f.ControlReviewed.type, name, person, nonce or uuid4().hex, told),
                data=f.ControlReviewed(control=name, remark=remark.strip()),
                home=home,
                subject=home,
                actor=person,
                lane=Lane.CONTROL,
            )
        )
