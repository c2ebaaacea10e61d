"""Hook of mkdocs: every page names the version and commit that it is of, and `make docs VERSION=0.1.0` keeps versions next to each other.

With the variable VERSION the site goes to sites/VERSION. `sites/versions.json` is what the theme's list of versions reads when the folder is
served; `sites/index.html` lists them for those who open it from disk.
"""

import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).resolve().parents[1]
SITES = ROOT / "sites"
VERSION = os.environ.get("VERSION", "")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name version and commit at the foot of pages (called by mkdocs)."""
    config["copyright"] = f"cloudkit {VERSION or version('cloudkit-scope')}{commit()}"
    if VERSION:
        config["site_dir"] = str(SITES / VERSION)
        config["extra"]["version"] = {"provider": "mike"}
    return config


def commit() -> str:
    """The commit that is checked out and its date; nothing outside a checkout."""
    asked = subprocess.run(
        ["git", "log", "-1", "--format=, commit %h of %cs"], cwd=ROOT, capture_output=True, text=True
    )
    return asked.stdout.strip()


def on_post_build(config: MkDocsConfig) -> None:
    """List the versions (called by mkdocs)."""
    if VERSION:
        names = sorted((path.parent.name for path in SITES.glob("*/index.html")), key=order, reverse=True)
        entries = [{"version": name, "title": name, "aliases": []} for name in names]
        (SITES / "versions.json").write_text(json.dumps(entries), encoding="utf-8")
        links = "\n".join(f'<li><a href="{name}/index.html">{name}</a></li>' for name in names)
        page = f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{config.site_name}</title>\n<h1>{config.site_name}</h1>\n<ul>\n{links}\n</ul>\n'
        (SITES / "index.html").write_text(page, encoding="utf-8")


def order(name: str) -> list[tuple[int, str]]:
    """Sort key of a version: 0.10 comes after 0.9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]
