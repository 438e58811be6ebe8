"""SQLite keeps the promises of a store, in a file and in memory."""

from pathlib import Path

import pytest

from tieout.conformance.store import StoreConformance
from tieout.engine.stores.open import memory_store, open_store, prepare
from tieout.engine.stores.port import Store


class TestSqliteFile(StoreConformance):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.url = f"sqlite:///{tmp_path}/tieout.db"

    def make(self) -> Store:
        prepare(self.url)
        return open_store(self.url)


class TestSqliteMemory(StoreConformance):
    def make(self) -> Store:
        return memory_store()
