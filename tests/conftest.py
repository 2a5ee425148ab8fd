"""What every test may ask for, and how hypothesis behaves here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# A shared two-core machine is slow now and then: that is no fault of the code.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# Nobody looks for a failure that comes and goes: in CI the same examples are tried every time.
settings.register_profile("ci", settings.get_profile("patient"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "patient")


@pytest.fixture(scope="session")
def testdata() -> Path:
    """Other people's files, kept beside the checkout because their licences are their own."""
    folder = ROOT.parent / "shared" / "testdata"
    if not folder.is_dir():
        pytest.skip("no folder shared/testdata beside the checkout")
    return folder


@pytest.fixture(scope="session")
def sample_photo() -> Path:
    """640x360, RGB, 8 bits."""
    return ROOT / "samples" / "dandelions-small.png"
