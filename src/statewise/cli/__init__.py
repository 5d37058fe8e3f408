"""The command line. ``statewise --help`` imports neither torch nor the catalog: every verb is imported when it runs."""

import sys


def main() -> None:
    """Entry point of the ``statewise`` command."""
    from statewise.cli.dispatch import run

    sys.exit(run(sys.argv[1:]))
