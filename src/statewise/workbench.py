"""Ours to hand to a comparison: tasks, models and what the catalog knows of them."""

from statewise.compare.workbench import Kind, Workbench
from statewise.models.resolve import build, default_config, find_entry
from statewise.tasks.resolve import make_task


def describe(name: str) -> Kind:
    """What the catalog knows of a kind of model."""
    entry = find_entry(name)
    return Kind(entry.family, entry.paper, entry.knobs, entry.width_multiple, entry.closed_form)


WORKBENCH = Workbench(make_task, build, describe, default_config)
"""The builders of this package."""
