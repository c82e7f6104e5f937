"""A test that lacks a peer or data says what it is and is skipped, or failed under ULITE_REQUIRE_PEERS=1."""
import contextlib
import os
import shutil
import sys


def skip_part(reason):
    """Says why a part of the test is left out; the test goes on without it."""
    if os.environ.get("ULITE_REQUIRE_PEERS") == "1":
        sys.exit(f"FAILED: {reason}")
    print(f"skipped: {reason}", flush=True)


def skip(reason):
    """Ends the test as skipped."""
    skip_part(reason)
    sys.exit(77)


def lacking(things):
    """What of programs, by name, and files and folders, by path, is not there, as a reason; None where all are."""
    for thing in map(str, things):
        if not (os.path.exists(thing) if "/" in thing else shutil.which(thing)):
            return f"{thing} is not there"
    return None


def need(*things):
    """Skips the test where a program, file or folder is not there."""
    if reason := lacking(things):
        skip(reason)


def has(*things):
    """Whether programs, files and folders are there; where one is not, says that a part is left out."""
    if reason := lacking(things):
        skip_part(reason)
    return not reason


@contextlib.contextmanager
def needed_modules():
    """Skips the test where an import of the block fails."""
    try:
        yield
    except ImportError as missing:
        skip(missing)
