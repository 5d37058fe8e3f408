"""Ours to hand to a comparison: tasks, models and what is known of their layers."""

from statewise.compare.builders import Builders
from statewise.models.resolve import build, default_config, pattern_of
from statewise.tasks.resolve import complete_options, make_task

WORKBENCH = Builders(make_task, complete_options, build, pattern_of, default_config)
"""The builders of this package."""
