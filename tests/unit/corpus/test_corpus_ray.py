"""Shards on a Ray cluster: a node that is lost changes nothing."""

import sys
import time
from pathlib import Path

import pytest

from cloudkit.cli import main
from cloudkit.corpus import encode_corpus
from cloudkit.encoding import EncodeOptions

from .corpus_examples import write_parquet

STORE = 80_000_000


def test_without_ray_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    given = write_parquet(tmp_path / "a.parquet", range(20))
    with pytest.raises(SystemExit) as ended:
        main(["encode", str(given), "-o", str(tmp_path / "out"), "--engine-pool", "ray"])
    assert (ended.value.code, "cloudkit-scope[cluster]" in capsys.readouterr().err) == (2, True)


def test_two_nodes_of_which_one_is_killed_write_the_bytes_of_one_process(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason="needs Ray: pip install 'cloudkit-scope[cluster]'")
    from ray.cluster_utils import Cluster

    (tmp_path / "in").mkdir()
    write_parquet(tmp_path / "in" / "a.parquet", range(96))
    encode_corpus([tmp_path / "in"], tmp_path / "alone", EncodeOptions(), size=20)
    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        second = cluster.add_node(num_cpus=1, object_store_memory=STORE)
        ray.init(address=cluster.address, log_to_driver=False)
        finished: list[int] = []

        def kill(structures: int) -> None:
            finished.append(structures)
            if len(finished) == 1:
                cluster.remove_node(second, allow_graceful=False)

        report = encode_corpus(
            [tmp_path / "in"], tmp_path / "ray", EncodeOptions(), pool="ray", size=20, step=kill
        )
        end = time.monotonic() + 60  # the head learns of it some time after the work is done
        while sum(node["Alive"] for node in ray.nodes()) > 1 and time.monotonic() < end:
            time.sleep(0.2)
        assert sum(node["Alive"] for node in ray.nodes()) == 1
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert report.counts == {"given": 96, "rows": 87, "failed": 9}
    names = sorted(path.name for path in (tmp_path / "alone").iterdir() if path.name != ".lock")
    assert [(tmp_path / "ray" / name).read_bytes() for name in names] == [
        (tmp_path / "alone" / name).read_bytes() for name in names
    ]
