"""What the pages, the API and the commands of people stand on, for one company."""

from collections.abc import Mapping

from tieout.cli.company import Company
from tieout.engine.policy_desk import PolicyDesk
from tieout.engine.queries.database import Database
from tieout.http.door import Door, Webhook


def door_of(
    company: Company, *, webhooks: Mapping[str, Webhook] | None = None, policy_desk: PolicyDesk | None = None
) -> Door:
    """The door of a company; whoever opens it closes it. It brings the schema of the database up to date."""
    config = company.settings.config
    _ = company.store
    return Door(
        intake=company.intake,
        actions=company.actions,
        database=Database(company.settings.database),
        people=company.people,
        clock=company.clock,
        policies=company.policies,
        partitions=config.partitions,
        webhooks=webhooks,
        company=config.company,
        spool=company.settings.path(config.spool),
        policy_desk=policy_desk,
    )
