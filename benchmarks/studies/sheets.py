"""Data sheets of eight crystals next to handbook values: what `cloudkit predict materials` says, and what was measured.

    PYTHONPATH=benchmarks python benchmarks/studies/sheets.py [FOLDER]     # seconds; the table goes to results/sheets.txt, the pages to FOLDER

handbook.csv holds values at 298 K in the units of the sheet, per mole of atoms, quoted from memory of the SOURCES and rounded. They were measured; the models
learned computed labels, so that gaps (PBE) and thermal expansion (AFLOW) are off by what the limits of the sheet say.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

import cloudkit
from cloudkit.predict import Materials, Sheet
from cloudkit.report.sheet import sheet_page
from cloudkit.tables import generator_text

HERE = Path(__file__).parents[1]
VALUES, TABLE = HERE / "handbook.csv", HERE / "results" / "sheets.txt"
SOURCES = {
    "Aksoy": "R. Aksoy et al., J. Phys. Chem. Solids 67 (2006) 1914",
    "Anderson": "O. L. Anderson and D. G. Isaak, in Mineral Physics and Crystallography (AGU, 1995)",
    "Bell": "R. O. Bell and G. Rupprecht, Phys. Rev. 129 (1963) 90",
    "CODATA": "J. D. Cox et al., CODATA Key Values for Thermodynamics (1989)",
    "constantan": "data sheets of Cu55Ni45, bulk modulus from E and Poisson's ratio 0.325",
    "CRC": "CRC Handbook of Chemistry and Physics",
    "de Ligny": "D. de Ligny and P. Richet, Phys. Rev. B 53 (1996) 3013",
    "definition": "elements at 298 K; metals",
    "Isidorsson": "J. Isidorsson et al., Phys. Rev. B 68 (2003) 115112",
    "JANAF": "M. W. Chase, NIST-JANAF Thermochemical Tables (1998)",
    "Kam": "K. K. Kam and B. A. Parkinson, J. Phys. Chem. 86 (1982) 463",
    "Kittel": "C. Kittel, Introduction to Solid State Physics",
    "Martienssen": "W. Martienssen and H. Warlimont, Springer Handbook of Condensed Matter and Materials Data (2005)",
    "Robie": "R. A. Robie and B. S. Hemingway, U.S. Geol. Surv. Bull. 2131 (1995)",
    "Simmons": "G. Simmons and H. Wang, Single Crystal Elastic Constants (1971)",
    "van Benthem": "K. van Benthem et al., J. Appl. Phys. 90 (2001) 6156",
}


def line(row: dict[str, str], sheet: Sheet) -> str:
    """One measured value and what the sheet says."""
    found, low, high = sheet.table[row["quantity"]]
    wanted = float(row["value"])
    inside = "-" if np.isnan(low) else "yes" if low <= wanted <= high else "no"
    ends = "-" if np.isnan(low) else f"{low:.4g} to {high:.4g}"
    return f"  {row['quantity']:<22}{found:>11.4g}   {ends:<24}{wanted:>11.4g}   {inside:<8}{row['source']}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder
    family = cloudkit.load("materials")
    assert isinstance(family, Materials)
    with VALUES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = [
        f"  {'quantity':<22}{'predicted':>11}   {'80 % interval':<24}{'measured':>11}   {'inside':<8}source"
    ]
    for crystal in dict.fromkeys(row["crystal"] for row in rows):
        own = [row for row in rows if row["crystal"] == crystal]
        sheet = family.sheet(f"{generator_text(int(own[0]['group']))} | {own[0]['orbits']}")
        lines += [f"{crystal} ({own[0]['kind']})", *(line(row, sheet) for row in own)]
        lines += [f"  flagged: {reason}" for reason in sheet.unlike]
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{crystal}.html").write_text(sheet_page(sheet), encoding="utf-8")
    lines += ["", *(f"{name}: {text}" for name, text in SOURCES.items())]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
