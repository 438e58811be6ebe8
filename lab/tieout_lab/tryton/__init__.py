"""A real ERP to rehearse against: Tryton 8.2 with a seeded group of two companies, and faults on demand.

Tryton lives in its own virtual environment and is spoken to over its network API only::

    with TrytonServer(folder, python=Path(".venv-tryton/bin/python"), template_cache=cache) as erp:
        with FaultProxy(erp.url) as proxy:
            proxy.set(Faults(drop_answer_every=7, only_methods=("model.account.invoice.*",)))
            ...  # talk to proxy.url
"""

from tieout_lab.tryton.faults import FaultProxy, Faults
from tieout_lab.tryton.seed import CLERK, DE01, GB01, GROUP, CompanySpec
from tieout_lab.tryton.server import TrytonServer

__all__ = ["CLERK", "DE01", "GB01", "GROUP", "CompanySpec", "FaultProxy", "Faults", "TrytonServer"]
