"""The command line: `nightwatt ...`, the same stages as the DAGs, by hand.

Belongs here: arguments, options and what is printed. Does not belong here: anything a stage decides.
"""

from nightwatt.cli.app import main

__all__ = ["main"]
