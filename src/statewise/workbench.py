"""Ours to hand to a comparison: tasks, models and what the catalog knows of them."""

from statewise.compare.builders import Builders, Kind
from statewise.fields import constructor_options
from statewise.models.resolve import SIZES, build, default_config, find_entry, inner_layers
from statewise.tasks.base import Task
from statewise.tasks.resolve import complete_options, make_task


def describe(name: str) -> Kind:
    """What the catalog knows of a kind of model."""
    entry = find_entry(name)
    options = constructor_options(entry.layer, leave_out=SIZES)
    return Kind(
        family=entry.family,
        paper=entry.paper,
        knobs=entry.knobs,
        width_multiple=entry.layer.width_multiple,
        closed_form=entry.closed_form,
        state_knob=entry.layer.state_knob,
        options={name: str if name in inner_layers(entry.layer) else kind for name, kind in options.items()},
    )


def rivals(task: Task) -> tuple[str, ...]:
    """Simple trained models that run along."""
    return task.rivals


WORKBENCH = Builders(make_task, complete_options, build, describe, default_config, rivals)
"""The builders of this package."""
