"""The command line, `cloudkit VERB ...`: reads arguments, calls the packages below, writes files and exit codes.

Exit codes: 0 done; 1 done, but some records failed or strings are invalid (listed); 2 nothing done (bad command line,
spec, file or model); 130 interrupted. One file per verb; only results go to standard output, the rest to standard error.
"""

from cloudkit.cli.app import main

__all__ = ["main"]
