"""What may come in by which channel: a bank statement that anybody could have mailed proves nothing about a bank."""

import pytest

from tieout.policy.policy import Channel, Policy

PORTAL = Channel(families=("e-invoices",), answers_per_day=5)
PORTAL_OF_BOLTS = Channel(families=("procurement",))
BANK_BY_MAIL = Channel(families=("bank",))
POLICY = Policy(channels={"portal": PORTAL, "portal.bolts": PORTAL_OF_BOLTS, "mail-bank": BANK_BY_MAIL})


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        pytest.param("portal", PORTAL, id="by its name"),
        pytest.param("portal.nuts", PORTAL, id="a supplier's portal is one of the portals"),
        pytest.param("portal.nuts.eu", PORTAL, id="however far down it is named"),
        pytest.param("portal.bolts", PORTAL_OF_BOLTS, id="what is said of it alone comes first"),
        pytest.param("upload", Channel(), id="nothing is said of it"),
    ],
)
def test_the_rules_of_a_channel(name: str, channel: Channel) -> None:
    assert POLICY.channel(name) == channel


@pytest.mark.parametrize(
    ("channel", "family", "admitted"),
    [
        pytest.param("sftp", "bank", True, id="a channel of our own takes everything"),
        pytest.param("sftp", "e-invoices", True, id="documents too"),
        pytest.param("mail", "bank", False, id="anybody can send mail"),
        pytest.param("portal-eu", "ledgers", False, id="anybody can reach a portal"),
        pytest.param("mail", "e-invoices", True, id="invoices come from anybody"),
        pytest.param("mail", "procurement", True, id="and orders"),
        pytest.param("mail", "EDI", True, id="and EDI"),
        pytest.param("mail", "archives", True, id="and archives, whose members are asked one by one"),
        pytest.param("mail-bank", "bank", True, id="unless the policy says otherwise"),
        pytest.param("mail-bank", "e-invoices", False, id="and then takes nothing else"),
        pytest.param("portal.bolts", "e-invoices", False, id="what is said of a channel holds for every family"),
    ],
)
def test_what_may_come_by_a_channel(channel: str, family: str, admitted: bool) -> None:
    policy = Policy(channels={"mail-bank": BANK_BY_MAIL, "portal.bolts": PORTAL_OF_BOLTS})
    assert policy.admits(channel, family) is admitted
