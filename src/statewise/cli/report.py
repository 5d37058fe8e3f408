"""``statewise report``."""

from statewise.api.reporting import write_report
from statewise.cli import verbs


def run(verb: verbs.Report, command: str) -> None:
    """Write the page of a comparison, a run or a bench."""
    print(f"report: {write_report(verb.folder)}")
