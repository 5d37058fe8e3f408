"""What an arm is trained on where it is trained with other options of the task than all are scored with."""

from collections.abc import Mapping
from typing import Any

from statewise.compare.builders import Builders
from statewise.errors import UserError
from statewise.tasks.data import TaskData
from statewise.tasks.task import Task


def task_to_train_on(
    scored: Task, builders: Builders, name: str, options: Mapping[str, Any], trained_options: Mapping[str, Any]
) -> TaskData:
    """What gives the training batches: the task ``scored``, made with ``options``, unless ``trained_options`` differ.

    Raises:
        UserError: if inputs, outputs or preprocessing would differ, as scores would then not be comparable.
    """
    if trained_options == options:
        return scored
    trained = builders.make_task(name, trained_options)
    facts = ("inputs", "outputs", "preprocessing")
    pairs = zip(facts, *(map(_form, (trained, scored))), strict=True)
    for what, one, other in pairs:
        if one != other:
            raise UserError(
                f"arms of task {scored.name} would differ in {what}, so their scores cannot be compared; make a "
                "comparison of its own for each value"
            )
    return trained


def _form(task: Task) -> tuple[object, int, Mapping[str, Any]]:
    return task.input_form, task.output_size, task.preprocessing()
