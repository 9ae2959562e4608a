"""What every test shares: fixed examples for hypothesis, and the way to data that may not be there."""

from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent

settings.register_profile("fixed", derandomize=True, deadline=None)  # the same examples in every run, and no clock
settings.load_profile("fixed")


@pytest.fixture
def shared_file():
    """Return a function from a file's name to its path in ../shared/data, which skips the test where it is absent."""

    def find(name):
        path = ROOT.parent / "shared" / "data" / name
        if not path.exists():
            pytest.skip(f"{name} is not beside this checkout")
        return path

    return find
