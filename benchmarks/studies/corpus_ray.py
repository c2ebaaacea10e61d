"""The same structures on two Ray nodes, one of them killed on the way: the same rows.

    PYTHONPATH=benchmarks python benchmarks/studies/corpus_ray.py [N] [--folder runs/ray-N]

Makes N structures (20,000) as corpus_structures.py does, encodes them with this process into one folder and on a local
two-node cluster (ray.cluster_utils) into another, whose second node is killed once a shard is finished. Compares rows
sorted by id, failures, counts, and the files byte for byte. Needs the extra `cluster`.
"""

import argparse
import os
import shutil
import time
from pathlib import Path

import ray
from corpus_check import hashes, shard_size
from corpus_structures import write
from ray.cluster_utils import Cluster

from cloudkit.corpus import encode_corpus, read_failures
from cloudkit.encoding import EncodeOptions
from cloudkit.io import read_table

STORE = 100_000_000  # bytes of each node's object store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=20_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    folder = options.folder or Path(f"runs/ray-{options.count}")
    shutil.rmtree(folder, ignore_errors=True)
    write(folder / "structures", options.count)
    size, given = shard_size(options.count), [folder / "structures"]
    alone = encode_corpus(given, folder / "alone", EncodeOptions(), size=size)
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False},
    )
    second = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    ray.init(address=cluster.address, log_to_driver=False)
    nodes, start, finished = len([n for n in ray.nodes() if n["Alive"]]), time.monotonic(), list[float]()

    def step(structures: int) -> None:
        finished.append(time.monotonic() - start)
        if len(finished) == 1:
            cluster.remove_node(second, allow_graceful=False)

    together = encode_corpus(given, folder / "ray", EncodeOptions(), pool="ray", size=size, step=step)
    left = len([n for n in ray.nodes() if n["Alive"]])
    ray.shutdown()
    cluster.shutdown()
    rows = [sorted(zip(*read_table(folder / run).columns.values(), strict=True)) for run in ("alone", "ray")]
    failures = [sorted(map(str, read_failures(folder / run))) for run in ("alone", "ray")]
    assert rows[0] == rows[1] and failures[0] == failures[1] and alone.counts == together.counts
    assert (nodes, left) == (2, 1), (nodes, left)
    same = hashes(folder / "alone") == hashes(folder / "ray")
    print(
        f"{options.count:,} structures, Ray {ray.__version__}, {nodes} nodes, one killed when 1 of {len(finished)} shards was "
        f"finished ({finished[0]:.0f} s), all done after {finished[-1]:.0f} s: {together.counts['rows']:,} rows and "
        f"{together.counts['failed']} failures, after sorting by id those of one process; files "
        f"{'the same, byte for byte' if same else 'DIFFER'}; load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
