"""The command line program; the only place that turns errors into messages and exit codes."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Annotated

import typer

from cloudkit.cli.terminal import complain, emit, say
from cloudkit.errors import DISTRIBUTION, CloudkitError, SpecError

FAILED, NOTHING_DONE, INTERRUPTED = 1, 2, 130

VERBS = (
    *("encode", "explain", "predict", "models", "enumerate", "audit", "new", "build", "evaluate", "sweep"),
    *("matbench", "fetch", "validate", "decode", "convert", "tokenize", "schema", "bench", "doctor"),
)


SUMMARIES = {  # for verbs whose first sentence does not fit on a line of `cloudkit --help`
    "sweep": "Build a spec at every point of a grid and name the best run.",
    "matbench": "Build a spec on the five official folds of a Matbench task.",
    "explain": "Show how one structure becomes a string.",
    "decode": "Show SCOPE strings as trees or JSON.",
    "convert": "Convert SCOPE strings, AFLOW labels and Hugging Face models.",
    "tokenize": "Convert SCOPE strings to token ids.",
    "audit": "Find duplicates, conflicting labels, gaps and leaks in tables.",
    "enumerate": "List charge-neutral crystals with a prototype's structure.",
    "models": "List the shipped models with their errors on unseen crystals.",
    "evaluate": "Measure a model's errors on labelled data.",
    "new": "Write a commented model spec to start from.",
    "bench": "Compare cloudkit's speed with that of other tools.",
    "doctor": "Check the installation and suggest fixes.",
}


def program(verbs: Sequence[str] = VERBS) -> typer.Typer:
    """Return the command line with these verbs; each is a module of this package."""
    app = typer.Typer(
        name="cloudkit",
        invoke_without_command=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(cloudkit)
    for verb in verbs:
        app.command(verb, no_args_is_help=False, short_help=SUMMARIES.get(verb))(
            import_module(f"cloudkit.cli.{verb}").command
        )
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        import platform
        from importlib import metadata  # takes longer to import than a command may take to start

        from cloudkit import _native

        core = "compiled core" if _native.COMPILED else "core in Python"
        engine = f"native engine {_native.SYMMETRY_VERSION}"
        python = f"Python {platform.python_version()}"
        typer.echo(f"cloudkit {metadata.version(DISTRIBUTION)} ({core}, {engine}, {python})")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the versions of cloudkit, its symmetry engine and Python.",
    ),
]


FIRST = """\
Crystals as short symmetry strings (SCOPE), and models that predict properties from them. To start:

  cloudkit encode my.cif                           # the crystal as a string
  cloudkit explain my.cif                          # its symmetry by engine and tolerance
  cloudkit predict materials my.cif                # its properties, from the shipped models
  cloudkit new my.yaml --preset property           # a spec to edit, for a model of your own table
  cloudkit doctor                                  # what is installed and what is missing

All commands: cloudkit --help
One command: cloudkit encode --help
Tab completion: cloudkit --install-completion"""


def cloudkit(context: typer.Context, version: Version = False) -> None:
    """Crystals as short symmetry strings (SCOPE), and models that predict properties from them.

    \b
    cloudkit encode crystal.cif                    # a structure as a string
    cloudkit predict materials crystal.cif         # properties from the shipped models
    cloudkit build thermal                         # train and evaluate a model
    """
    if context.invoked_subcommand is None:
        emit(FIRST)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit; `arguments` exclude the program's name and default to sys.argv."""
    with _noted_interrupts() as pressed:
        try:
            _run(arguments)
        except KeyboardInterrupt:  # also while an error is printed
            sys.exit(INTERRUPTED)
        except Exception:
            if pressed:  # compiled packages turn Ctrl-C into other errors
                sys.exit(INTERRUPTED)
            raise


@contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Yield a list that records each Ctrl-C; do nothing if SIGINT already has another handler."""
    pressed: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not ours or threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _run(arguments: Sequence[str] | None) -> None:
    """Run one command; print errors on standard error and set the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be UTF-8
    try:
        try:
            program(_named(sys.argv[1:] if arguments is None else arguments))(arguments, prog_name="cloudkit")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe: print nothing, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except SpecError as error:
        say(str(error))
        count = len(error.problems)
        complain(f"found {count} error{'s' if count > 1 else ''} in the spec; nothing was run")
        sys.exit(NOTHING_DONE)
    except CloudkitError as error:
        complain("\n".join([str(error), *_notes(error)]))
        sys.exit(NOTHING_DONE)
    except MemoryError:
        complain("not enough memory; pass fewer or smaller inputs at a time")
        sys.exit(NOTHING_DONE)
    except OSError as error:
        what = ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
        complain("\n".join([what, *_notes(error)]))
        sys.exit(NOTHING_DONE)


def _named(arguments: Sequence[str]) -> Sequence[str]:
    """Return the verb of a command line, or all verbs if it has none: describing a verb takes 10 ms."""
    first = next((word for word in arguments if not word.startswith("-")), "")
    return [first] if first in VERBS else VERBS


def _notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))
