"""Ours to hand to a comparison: tasks, models and what the catalog knows of them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from statewise.compare.builders import Builders, Kind
from statewise.models.resolve import SIZES, build, default_config, find_entry, inner_layers, width_multiple
from statewise.options import option_types
from statewise.tasks.resolve import complete_options, make_task


def describe(name: str) -> Kind:
    """What the catalog knows of a kind of model."""
    entry = find_entry(name)
    options = {name: kind for name, kind in option_types(entry.sequence_layer).items() if name not in SIZES}
    options |= dict.fromkeys(inner_layers(entry.sequence_layer), str | Mapping[str, Any])
    return Kind(
        family=entry.family,
        paper=entry.paper,
        knobs=entry.knobs,
        width_multiple=partial(width_multiple, name),
        closed_form=entry.closed_form,
        state_knob=entry.sequence_layer.state_knob,
        options=options,
    )


WORKBENCH = Builders(make_task, complete_options, build, describe, default_config)
"""The builders of this package."""
