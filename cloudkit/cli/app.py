"""The verbs as one program, and the one place where an error becomes a message and an exit code."""

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
    *("build", "fetch", "sweep", "matbench", "encode", "explain", "validate", "decode", "convert"),
    *("tokenize", "audit", "enumerate", "predict", "models", "evaluate", "new", "schema", "bench", "doctor"),
)


SUMMARIES = {  # of verbs whose first sentence is longer than the line that `cloudkit --help` has for it
    "sweep": "Build a spec at every point of its grid and name the best run.",
    "matbench": "Build a spec on the five official folds of a Matbench task.",
    "explain": "Show how one structure becomes a string.",
    "decode": "Show what SCOPE strings say.",
    "convert": "Turn SCOPE strings or AFLOW labels into another form.",
    "tokenize": "Turn SCOPE strings into token ids.",
    "audit": "Find duplicates, clashes of labels, gaps and leaks in tables.",
    "enumerate": "Write the charge-neutral crystals of a prototype.",
    "models": "List the models that ship, with their errors on unseen crystals.",
    "evaluate": "Measure a model's errors on labelled data.",
    "new": "Write a commented model spec to start from.",
    "bench": "Time cloudkit against its rivals.",
    "doctor": "Show what is installed, missing or broken, and what helps.",
}


def program(verbs: Sequence[str] = VERBS) -> typer.Typer:
    """The command line with these verbs: a module of this package each, imported here."""
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
        help="Print the versions of cloudkit, its core and its engine.",
    ),
]


FIRST = """\
Crystals as short symmetry strings (SCOPE), and models over them. What people do first:

  cloudkit encode my.cif                                         # the crystal as a string
  cloudkit explain my.cif                                        # how it was read: engines, tolerances, letters
  cloudkit predict materials my.cif                              # its properties, from the models that ship
  cloudkit new my.yaml && cloudkit build my.yaml                 # a model of your own, with a report
  cloudkit doctor                                                # what is installed, what is missing

All verbs: cloudkit --help; one verb: cloudkit encode --help; TAB in your shell: cloudkit --install-completion"""


def cloudkit(context: typer.Context, version: Version = False) -> None:
    """Crystals as short symmetry strings (SCOPE), and models over them declared in YAML.

    \b
    cloudkit encode crystal.cif                    a structure as a string
    cloudkit build thermal                         train and evaluate a model
    cloudkit predict runs/thermal crystal.cif      heat capacity, energy, entropy
    """
    if context.invoked_subcommand is None:
        emit(FIRST)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit; `arguments` without the program's name, sys.argv by default."""
    with _noted_interrupts() as pressed:
        try:
            _run(arguments)
        except KeyboardInterrupt:  # also while an error is printed
            sys.exit(INTERRUPTED)
        except Exception:
            if pressed:  # compiled packages make errors of their own of Ctrl-C
                sys.exit(INTERRUPTED)
            raise


@contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Ctrl-C as Python has it, and a list that holds what was pressed; nothing changes where it is handled otherwise."""
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
    """Run one command; an error becomes words on standard error and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be UTF-8
    try:
        try:
            program(_named(sys.argv[1:] if arguments is None else arguments))(arguments, prog_name="cloudkit")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has left: nothing more to say, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except SpecError as error:
        say(str(error))
        count = len(error.problems)
        complain(f"{count} mistake{'s' if count > 1 else ''} in the spec, nothing was done")
        sys.exit(NOTHING_DONE)
    except CloudkitError as error:
        complain("\n".join([str(error), *_notes(error)]))
        sys.exit(NOTHING_DONE)
    except MemoryError:
        complain("there is not enough memory for this; give fewer or smaller inputs at a time")
        sys.exit(NOTHING_DONE)
    except OSError as error:
        what = ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
        complain("\n".join([what, *_notes(error)]))
        sys.exit(NOTHING_DONE)


def _named(arguments: Sequence[str]) -> Sequence[str]:
    """The verb that a command line names, all verbs where it names none: describing each one takes 10 ms."""
    first = next((word for word in arguments if not word.startswith("-")), "")
    return [first] if first in VERBS else VERBS


def _notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))
