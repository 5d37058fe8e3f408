"""Ours to hand to a comparison: tasks, models and what the catalog knows of them."""

from statewise.compare.fields import constructor_options
from statewise.compare.workbench import Kind, Workbench
from statewise.models.resolve import build, default_config, find_entry
from statewise.tasks.base import Task
from statewise.tasks.resolve import make_task


def describe(name: str) -> Kind:
    """What the catalog knows of a kind of model."""
    entry = find_entry(name)
    options = constructor_options(entry.layer, leave_out=("input_size", entry.width))
    return Kind(entry.family, entry.paper, entry.knobs, entry.width_multiple, entry.closed_form, options)


def rivals(task: Task) -> tuple[str, ...]:
    """Simple trained models that run along."""
    return task.rivals


WORKBENCH = Workbench(make_task, build, describe, default_config, rivals)
"""The builders of this package."""
