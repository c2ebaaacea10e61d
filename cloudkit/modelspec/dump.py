"""A resolved spec as YAML text that reads back as the same spec."""

from typing import Any

import yaml

from cloudkit.modelspec.spec import Spec
from cloudkit.modelspec.yaml_tree import add_scalars


class _Dumper(yaml.SafeDumper):
    """Puts text in quotes where YAML 1.1 or our reader would take it for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


add_scalars(_Dumper)


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Only double quotes keep text that holds line ends such as U+0085."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _write_text)


def dump(spec: Spec) -> str:
    """YAML with every key written out, defaults included, in the order of the models."""
    data = spec.model_dump(mode="json")
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
