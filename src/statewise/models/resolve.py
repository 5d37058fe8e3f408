"""From a name and plain data to a kind of layer and its complete config: the catalog's, or a person's own."""

import inspect
from collections.abc import Mapping
from typing import Any

from statewise.catalog import CATALOG, SEQUENCE_LAYERS
from statewise.contract import Entry, InputForm, Model, SequenceLayer
from statewise.errors import UserError, unknown
from statewise.importing import import_object
from statewise.models.build import MakeLayer, build_model
from statewise.models.config import ModelConfig
from statewise.models.nest import SIZES, Nest, inner_layers

PLAIN = (bool, int, float, str, type(None))
"""What a config can hold as it is"""


def find_entry(name: str) -> Entry:
    """The catalog's entry of that name, or what stands at ``package.module:name``: an ``Entry`` or a layer's class.

    Raises:
        UserError: if there is no such name or module, or what is found there is no ``SequenceLayer``.
    """
    if ":" not in name:
        if name not in CATALOG:
            raise unknown("model", name, CATALOG)
        return CATALOG[name]
    found = import_object(name)
    if isinstance(found, Entry):
        return found
    if not (isinstance(found, type) and issubclass(found, SequenceLayer)):
        raise UserError(f"{name} is not a SequenceLayer; subclass statewise.contract.SequenceLayer")
    arguments = set(inspect.signature(found).parameters)
    if not set(SIZES) <= arguments:
        raise UserError(
            f"{name} must take the keyword arguments input_size and hidden_size, it takes {sorted(arguments)}"
        )
    return _own(name, found)


def nest_of(name: str, options: Mapping[str, Any] | None = None, *, context_length: int | None = None) -> Nest:
    """The kind of layer of that name with the layers inside it, every option said.

    An inner layer, which is an argument annotated ``LayerFactory``, is said by its name or as a config says a layer:
    ``{"layer": "lstm", "options": {"forget_bias": 2.0}}``.

    Args:
        name: in the catalog, or an import path.
        options: that are decided; before them come the window that sees the context, the entry's own and the
            signature's. Left out are the sizes, what depends on the number of the block, and what is no plain data.
        context_length: steps that have to be seen; ``None`` = no bound, the layer's own default then.

    Raises:
        UserError: if there is no such layer, here or inside, or it reads something else than a sequence.
    """
    return _nest(name, find_entry(name), options or {}, context_length)


def make_layer(entry: Entry, arguments: Mapping[str, Any]) -> SequenceLayer:
    """A layer of an entry, from constructor arguments as plain data. A list is handed over as a tuple.

    Raises:
        UserError: if an argument is unknown, or no layer can be made with it.

    >>> make_layer(find_entry("ntm"), {"input_size": 3, "hidden_size": 4, "controller": "gru"}).controller
    GRU()
    """
    options = {name: value for name, value in arguments.items() if name not in SIZES}
    sizes = {name: arguments[name] for name in SIZES}
    return _nest(entry.name, entry, options, None).make(**sizes)


def layer_maker(name: str) -> MakeLayer:
    """Makes layers of the kind of that name with input and output of one width."""

    def make(width: int, number: int, options: dict[str, Any]) -> SequenceLayer:
        return nest_of(name, options).make(input_size=width, hidden_size=width, number=number)

    return make


def default_config(
    name: str,
    *,
    context_length: int | None = None,
    depth: int = ModelConfig.depth,
    options: Mapping[str, Any] | None = None,
) -> ModelConfig:
    """The complete config that the field uses for this kind of layer: its block, feed-forward part, window and options.

    Args:
        name: in the catalog, or an import path.
        depth: blocks; a kind that takes more to see the context gets as many as it takes.
        context_length: steps that have to be seen; ``None`` = no bound, the layer's own default then.
        options: of the layer, where they are decided already.
    """
    nest = nest_of(name, options, context_length=context_length)
    if context_length is not None:
        depth = max(depth, nest.depth_to_see(context_length))
    return ModelConfig(name, dict(nest.options), depth=depth, block=nest.block, feed_forward=nest.feed_forward)


def _nest(name: str, entry: Entry, decided: Mapping[str, Any], context_length: int | None) -> Nest:
    kind = entry.sequence_layer
    solved = {*SIZES, *kind.options_of_block(0)}
    parameters = inspect.signature(kind).parameters.values()
    options = {p.name: p.default for p in parameters if p.name not in solved and _is_plain(p.default)}
    seen = {} if context_length is None else kind.options_to_see(context_length)
    options |= {**entry.defaults, **seen, **decided}
    options |= {option: list(value) for option, value in options.items() if isinstance(value, tuple)}
    held = {o: options[o] for o in sorted(inner_layers(kind) & options.keys()) if options[o] is not None}
    inside = {option: _nest(*_said(inner), context_length) for option, inner in held.items()}
    options |= {option: {"layer": nest.name, "options": nest.options} for option, nest in inside.items()}
    return Nest(name, entry, options, inside)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(isinstance(part, PLAIN) for part in value)
    return isinstance(value, PLAIN) or (isinstance(value, type) and issubclass(value, SequenceLayer))


def _said(inner: str | Mapping[str, Any] | type[SequenceLayer]) -> tuple[str, Entry, Mapping[str, Any]]:
    """Name, entry and options of an inner layer."""
    if isinstance(inner, type):
        entry = _entry_of(inner)
        return entry.name, entry, {}
    if isinstance(inner, str):
        return inner, find_entry(inner), {}
    if not {"layer"} <= inner.keys() <= {"layer", "options"}:
        raise UserError(f'an inner layer is a name or {{"layer": name, "options": {{...}}}}, got {dict(inner)}')
    return inner["layer"], find_entry(inner["layer"]), inner.get("options", {})


def _entry_of(kind: type[SequenceLayer]) -> Entry:
    """The entry of a class of layers: the catalog's, else one by its import path."""
    found = [entry for entry in SEQUENCE_LAYERS.values() if entry.layer is kind and not entry.defaults]
    return found[0] if found else _own(f"{kind.__module__}:{kind.__qualname__}", kind)


def _own(name: str, kind: type[SequenceLayer]) -> Entry:
    return Entry(name, "your own", kind, paper="-")


def build(config: ModelConfig, input_form: InputForm, output_size: int) -> Model:
    """The model that ``config`` describes.

    >>> from statewise.contract import Tokens
    >>> model = build(ModelConfig(layer="gru", width=16), Tokens(50), 50)
    >>> model.output_size
    50
    """
    return build_model(config, layer_maker(config.layer), input_form, output_size)
