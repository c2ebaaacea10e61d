"""`import cloudkit` finds the package, whatever the working directory holds."""

import subprocess
import sys
from pathlib import Path


def test_a_folder_named_cloudkit_does_not_hide_the_package(tmp_path: Path) -> None:
    (tmp_path / "cloudkit/cloudkit").mkdir(parents=True)  # as a clone looks from the folder above it
    code = "import cloudkit; print(cloudkit.parse('0 0 0 | H 1a').space_group)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
