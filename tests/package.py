"""The Python package of a build, as tests import it."""
import importlib
import sys

from skipping import skip


def load(folder):
    """The module ulite in a folder; skips the test where it cannot be loaded under a sanitizer."""
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("ulite")
    except OSError as error:  # a sanitizer wants to be the first library of a process
        if "sanitizer" not in str(error) and "asan" not in str(error):
            raise
        skip(f"the library cannot be loaded by Python: {error}")
