"""Structures from OPTIMADE providers into Parquet shards. The only package that talks to a network.

http (one page, with patience) -> optimade (pages to rows) -> folder (rows to shards, each with the place to go on from)
"""

from cloudkit.fetch.harvest import Outcome, fetch_optimade
from cloudkit.fetch.http import Client

__all__ = ["Client", "Outcome", "fetch_optimade"]
