"""Corpora: millions of structures to shards of strings, their audit, and candidates to add to them.

structures -> encode_corpus -> folder of shards -> audit, dedupe -> ids that training reads
"""

from cloudkit.corpus.audit import audit
from cloudkit.corpus.candidates import Candidate, enumerate_candidates, find_prototype, list_prototypes
from cloudkit.corpus.encode import CorpusResult, encode_corpus, read_failures
from cloudkit.corpus.rank import Ranking, RankOptions, Reference, rank

__all__ = [
    "Candidate",
    "CorpusResult",
    "RankOptions",
    "Ranking",
    "Reference",
    "audit",
    "encode_corpus",
    "enumerate_candidates",
    "find_prototype",
    "list_prototypes",
    "rank",
    "read_failures",
]  # fmt: skip
