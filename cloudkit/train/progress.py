"""How training tells that it lives, without printing: the command line gives something with these three methods."""

from typing import Protocol


class Progress(Protocol):
    """A bar: started once per stage, moved by steps, stopped at the end or by an error."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """A stage of `total` steps begins; `done` of them were done before an interruption."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """`steps` more are done; `note` is a short state such as ``epoch 3, valid 0.12``."""

    def stop(self) -> None:
        """The stage is over."""


class Silent:
    """Progress that nobody watches."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Nothing."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""
