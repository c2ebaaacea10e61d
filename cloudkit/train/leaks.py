"""What is said before training: crystals on both sides of a split, and how low an error repeated labels allow."""

from collections.abc import Iterator, Mapping, Sequence

from cloudkit.data import Crystals
from cloudkit.evaluate.leakage import composition_key, error_floor
from cloudkit.modelspec import EvaluateTask
from cloudkit.train.stages import Stage


def leak_notes(stages: Sequence[Stage], crystals: Mapping[str, Crystals]) -> Iterator[str]:
    """Notes for each evaluate task; crystals: by the name of the stage that read them."""
    for stage in stages:
        if not isinstance(stage.task, EvaluateTask):
            continue
        test, train = crystals[stage.reads["crystals"].name], crystals[stage.reads["train_crystals"].name]
        if stage.reads["train_split"].task.exclude_shared == "none":
            yield from _shared(stage.label, train, test)
        for quantity, floor in error_floor(test).items():
            if floor > 0:
                yield (
                    f"{stage.label}: equal strings of {stage.reads['crystals'].label} have different labels of {quantity}: no model "
                    f"of strings can have a mean absolute error below {floor:.3g} there"
                )


def _shared(head: str, train: Crystals, test: Crystals) -> Iterator[str]:
    texts = set(train.texts)
    same = [text for text in test.texts if text in texts]
    keys = {composition_key(text) for text in train.texts}
    twins = [text for text in test.texts if text not in texts and composition_key(text) in keys]
    if same or twins:
        yield (
            f"{head}: of {len(test)} crystals to evaluate on, {len(same)} are also in the rows to learn from and {len(twins)} share "
            f"composition and space group with one; exclude_shared: composition leaves those rows out of training"
        )
