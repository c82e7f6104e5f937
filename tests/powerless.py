"""A command that file modes bind: root passes them by, and tests may run as root."""
import os

POWERLESS = ["setpriv", "--bounding-set", "-all"] if os.geteuid() == 0 else []  # to be put before the command
