"""The tests, a package so that they import their helpers relatively and scripts run as `python -m tests.laws.mutants`."""
