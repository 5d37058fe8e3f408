"""From a name to a kind of layer: the catalog's, or one of a person's own by import path."""

import importlib
import inspect
import math
from typing import Any

from statewise.catalog import CATALOG, Entry
from statewise.contract import InputForm, Model, SequenceLayer
from statewise.errors import UserError, unknown
from statewise.models.build import MakeLayer, build_model
from statewise.models.config import ModelConfig

PLAIN = (bool, int, float, str, type(None))
"""What a config can hold as it is"""


def find_entry(name: str) -> Entry:
    """The catalog's entry of that name, or one made for the class at ``package.module:Class``.

    Raises:
        UserError: if there is no such name, module or class, or the class is no ``SequenceLayer``.
    """
    if ":" not in name:
        if name not in CATALOG:
            raise unknown("model", name, CATALOG)
        return CATALOG[name]
    layer = import_object(name)
    if not (isinstance(layer, type) and issubclass(layer, SequenceLayer)):
        raise UserError(f"{name} is not a SequenceLayer; subclass statewise.contract.SequenceLayer")
    arguments = set(inspect.signature(layer).parameters)
    if not {"input_size", "hidden_size"} <= arguments:
        raise UserError(
            f"{name} must take the keyword arguments input_size and hidden_size, it takes {sorted(arguments)}"
        )
    return Entry(name=name, family="your own", layer=layer, paper="-", example={})


def import_object(path: str) -> Any:
    """What ``package.module:name`` names.

    Raises:
        UserError: if the module cannot be imported or has no such name.
    """
    module_name, _, name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UserError(f"cannot import '{module_name}' for {path}: {error}; is its folder on PYTHONPATH?") from error
    if not hasattr(module, name):
        raise UserError(
            f"module {module_name} has no '{name}'; it has {', '.join(n for n in dir(module) if n[0] != '_')}"
        )
    return getattr(module, name)


def layer_maker(entry: Entry) -> MakeLayer:
    """Makes layers of an entry with input and output of one width."""

    def make(width: int, number: int, options: dict[str, Any]) -> SequenceLayer:
        arguments = {**entry.defaults, **options}
        if entry.dilations is not None and entry.dilations not in options:
            arguments[entry.dilations] = 2**number
        known = inspect.signature(entry.layer).parameters
        for name in arguments:
            if name not in known:
                raise unknown(f"option of {entry.name}", name, set(known) - {"input_size", entry.width})
        try:
            return entry.layer(**{"input_size": width, entry.width: width, **arguments})
        except (TypeError, ValueError) as error:
            raise UserError(f"cannot build {entry.name} of width {width}: {error}") from error

    return make


def default_config(name: str, *, depth: int, context_length: int | None) -> ModelConfig:
    """The complete config that the field uses for this kind of layer: its block, feed-forward part, window and options.

    Args:
        name: in the catalog, or an import path.
        depth: blocks; a kind whose dilation doubles from block to block gets as many as it takes to see the context.
        context_length: steps that have to be seen; None = no bound, the layer's own default then.
    """
    entry = find_entry(name)
    options = _default_options(entry)
    if entry.context is not None and context_length is not None:
        options[entry.context] = context_length
    if entry.dilations is not None and context_length is not None:
        depth = max(depth, math.ceil(math.log2(context_length / 4 + 1)))
    return ModelConfig(layer=name, options=options, depth=depth, block=entry.block, feed_forward=entry.feed_forward)


def _default_options(entry: Entry) -> dict[str, Any]:
    """Every option of a layer as plain data: from its signature, and the entry's own where they differ.

    Left out are the sizes, what depends on the number of the block, and what is no plain data.
    """
    solved = {"input_size", entry.width, entry.dilations}
    parameters = inspect.signature(entry.layer).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.name not in solved and isinstance(p.default, PLAIN)}
    return {**defaults, **entry.defaults}


def build(config: ModelConfig, input_form: InputForm, output_size: int) -> Model:
    """The model that ``config`` describes.

    >>> from statewise.contract import Tokens
    >>> model = build(ModelConfig(layer="gru", width=16), Tokens(50), 50)
    >>> model.output_size
    50
    """
    return build_model(config, layer_maker(find_entry(config.layer)), input_form, output_size)
