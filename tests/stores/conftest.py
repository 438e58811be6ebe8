import pytest

pytest.register_assert_rewrite("tieout.conformance.store")
