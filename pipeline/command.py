"""What every command line of the project does around its commands: one line for a mistake, and the exit status.

0 done; 2 a mistake that the user can mend, told in one line; 130 stopped by the user; what a command exits with
otherwise. It knows no command.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from pipeline.core.errors import UserError

if TYPE_CHECKING:
    import typer


def run(app: typer.Typer, name: str, *, stopped: str = "stopped") -> NoReturn:
    """Run the command line of the module `name` and exit. stopped: what is said where the user stops it."""
    import typer

    # OpenMP's threads spin while they wait for one another: with one of four processors busy elsewhere, LLMLingua took
    # 15.9 s on a text that takes 1.8 s where they sleep, and 0.9 against 1.1 s on free ones. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except UserError as e:
        print(f"error: {e}", file=sys.stderr)
    except (KeyboardInterrupt, typer.Abort):
        print(stopped, file=sys.stderr)
        sys.exit(130)
    except Exception as e:
        # Typer's own usage errors, by what they can do: the class moves between its versions.
        if not hasattr(e, "format_message"):
            raise
        told = " ".join(e.format_message().split()).rstrip(".")
        if told:  # a call without a command has printed the help instead
            print(f"error: {told}. See: python -m {name} --help", file=sys.stderr)
    sys.exit(2)
