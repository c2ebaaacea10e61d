"""What decides the string of a structure."""

from dataclasses import dataclass
from typing import Any, Final

from cloudkit.errors import OptionError
from cloudkit.structure.guards import MAX_SITES
from cloudkit.structure.symmetry import Engine, Search, default_engine, load_engine

DIALECTS: Final = ("orbit", "reduced", "full")
ORDERS: Final = ("canonical", "input")
# degrees; pymatgen's default, which the published strings were made with
PUBLISHED_ANGLE_TOLERANCE: Final = 5.0


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How structures are encoded.

    Parameters
    ----------
    dialect : "orbit", "reduced" or "full"
        Form of the string.
    order : "canonical" or "input"
        "canonical": the same crystal gives the same string. "input": the string of the published script.
    engine : "native", "moyo" or "spglib", optional
        Who finds the symmetry; by default "native" for canonical order and "spglib" for input order.
    symprec : float
        Largest distance in Å at which two sites count as one; see `spec/scope.md`.
    max_sites : int
        Cells of more atoms are refused (S207).
    geometry : bool
        Also describe each structure as seen from its orbits (`cloudkit.structure.describe`).

    Raises
    ------
    OptionError
        For a value that is not allowed, and for an engine that is not installed.

    Examples
    --------
    >>> EncodeOptions(dialect="reduced").dialect
    'reduced'
    """

    dialect: str = "orbit"
    order: str = "canonical"
    engine: Engine | None = None
    symprec: float = 1e-2
    max_sites: int = MAX_SITES
    geometry: bool = False

    def __post_init__(self) -> None:
        for name, known in (("dialect", DIALECTS), ("order", ORDERS)):
            if getattr(self, name) not in known:
                raise OptionError(
                    f"unknown {name} '{getattr(self, name)}'; choose one of: {', '.join(known)}"
                )
        if self.geometry and (self.dialect == "full" or self.order != "canonical"):
            raise OptionError(
                "geometry is available for canonical strings in the orbit or reduced dialect only"
            )
        self.search.check()

    @property
    def search(self) -> Search:
        """What the engine is asked."""
        published = self.order == "input"
        return Search(
            self.engine or ("spglib" if published else default_engine()),
            self.symprec,
            PUBLISHED_ANGLE_TOLERANCE if published else None,
            published,
            self.max_sites,
        )

    @property
    def in_core(self) -> bool:
        """Whether the C core makes the string in one call."""
        return self.search.engine == "native" and self.order == "canonical" and not self.geometry

    @property
    def engine_name(self) -> str:
        """The engine and its version, as in the column `engine` of the output."""
        return load_engine(self.search.engine)[1]

    @property
    def spec(self) -> dict[str, Any]:
        """What decides the strings, for a manifest."""
        return {
            "dialect": self.dialect,
            "order": self.order,
            "engine": self.engine_name,
            "symprec": self.symprec,
            "max_sites": self.max_sites,
        }
