"""Law 2 on 20,000 damaged strings; `make mutants` is the long run."""

import pytest

pytest.importorskip("cloudkit._native.core", reason="no compiled core in this installation")
pytest.importorskip("lark", reason="lark is not installed")


def test_readers_that_share_no_code_agree_on_twenty_thousand_mutants() -> None:
    from .mutants import Readers, run

    readers = Readers(lark_share=40, schema_share=4)
    found, codes = run(20_000, 2506, readers)
    assert found == []
    assert readers.seen["by Lark"] > 400
    assert readers.seen["by JSON Schema"] > 400
    assert {"101", "102", "103", "104", "201", "202", "203", "303", "308", "403", "valid"} - {"101"} <= set(
        codes
    )
