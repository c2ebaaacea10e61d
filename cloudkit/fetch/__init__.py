"""Structures from OPTIMADE providers into Parquet shards. The only package that uses the network.

http (one page, with retries) -> optimade (pages to rows) -> folder (rows to shards, each with the link to resume from)
"""

from cloudkit.fetch.harvest import Outcome, fetch_optimade
from cloudkit.fetch.http import Client

__all__ = ["Client", "Outcome", "fetch_optimade"]
