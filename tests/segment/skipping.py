"""A test that lacks what it needs."""
import os
import sys


def skip(reason):
    """Ends the test as skipped, or as failed where peers and data are required."""
    print("skipped:", reason)
    sys.exit(1 if os.environ.get("ULITE_REQUIRE_PEERS") == "1" else 77)
