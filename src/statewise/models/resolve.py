"""From a name and plain data to a kind of layer and its complete config: the catalog's, or a person's own."""

import inspect
import math
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from statewise.catalog import CATALOG, SEQUENCE_LAYERS
from statewise.contract import Entry, InputForm, LayerFactory, Model, SequenceLayer
from statewise.errors import UserError, unknown
from statewise.importing import import_object
from statewise.models.build import MakeLayer, build_model
from statewise.models.config import ModelConfig

PLAIN = (bool, int, float, str, type(None))
"""What a config can hold as it is"""
SIZES = ("input_size", "hidden_size")
"""Constructor arguments that every layer has and no config holds: the model's width decides them"""


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
    return Entry(name, "your own", found, paper="-")


def make_layer(entry: Entry, arguments: Mapping[str, Any]) -> SequenceLayer:
    """A layer of an entry, from constructor arguments as plain data.

    An inner layer, which is an argument annotated ``LayerFactory``, is said by its name or as a config says a layer:
    ``{"layer": "lstm", "options": {"forget_bias": 2.0}}``. A list is handed over as a tuple.

    Raises:
        UserError: if an argument is unknown, or no layer can be made with it.

    >>> make_layer(find_entry("ntm"), {"input_size": 3, "hidden_size": 4, "controller": "gru"}).controller
    GRU()
    """
    arguments = {**entry.defaults, **arguments}
    _check_names(entry, arguments)
    try:
        factories = {name: _layer_factory(inner) for name, inner in _inner(entry.sequence_layer, arguments).items()}
        tuples = {name: tuple(value) for name, value in arguments.items() if isinstance(value, list)}
        return entry.sequence_layer(**{**arguments, **tuples, **factories})
    except (TypeError, ValueError) as error:
        raise UserError(f"cannot build {entry.name} of width {arguments['hidden_size']}: {error}") from error


def _check_names(entry: Entry, arguments: Mapping[str, Any]) -> None:
    """Raises ``UserError`` if an argument is unknown or one that is needed is missing."""
    known = inspect.signature(entry.sequence_layer).parameters
    for name in arguments:
        if name not in known:
            raise unknown(f"option of {entry.name}", name, set(known) - set(SIZES))
    for name, parameter in known.items():
        if (
            parameter.default is parameter.empty
            and parameter.kind is not parameter.VAR_KEYWORD
            and name not in arguments
        ):
            what, value = (
                (", the layer inside", "lstm") if name in inner_layers(entry.sequence_layer) else ("", "VALUE")
            )
            raise UserError(f"{entry.name} needs the option {name}{what}; say it, as with --set layer.{name}={value}")


def layer_maker(entry: Entry) -> MakeLayer:
    """Makes layers of an entry with input and output of one width."""

    def make(width: int, number: int, options: dict[str, Any]) -> SequenceLayer:
        own = {**entry.defaults, **options}
        return make_layer(
            entry, {**dict.fromkeys(SIZES, width), **entry.sequence_layer.options_of_block(number), **own}
        )

    return make


def inner_layers(kind: type[SequenceLayer]) -> set[str]:
    """The constructor arguments of a layer that are layers themselves."""
    try:
        hints = get_type_hints(kind.__init__)
    except NameError:
        return set()
    return {name for name, hint in hints.items() if LayerFactory in (hint, *get_args(hint))}


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
    entry = find_entry(name)
    complete = default_options(entry, options or {}, context_length=context_length)
    if context_length is not None:
        depth = max(depth, entry.sequence_layer.depth_to_see(context_length, complete))
    return ModelConfig(layer=name, options=complete, depth=depth, block=entry.block, feed_forward=entry.feed_forward)


def default_options(entry: Entry, decided: Mapping[str, Any], *, context_length: int | None = None) -> dict[str, Any]:
    """Every option of a layer as plain data: those decided, the window that sees the context, the entry's own, the rest
    from the signature; those of its inner layers likewise.

    Left out are the sizes, what depends on the number of the block, and what is no plain data.
    """
    solved = {*SIZES, *entry.sequence_layer.options_of_block(0)}
    parameters = inspect.signature(entry.sequence_layer).parameters.values()
    options = {p.name: p.default for p in parameters if p.name not in solved and _is_plain(p.default)}
    seen = {} if context_length is None else entry.sequence_layer.options_to_see(context_length)
    options |= {**entry.defaults, **seen, **decided}
    lists = {name: list(value) for name, value in options.items() if isinstance(value, tuple)}
    inside = _inner(entry.sequence_layer, options)
    return options | lists | {name: _complete(inner, context_length) for name, inner in inside.items()}


def width_multiple(name: str, options: Mapping[str, Any]) -> int:
    """What the width must be a multiple of for a layer with these complete options and for those inside, as wide."""
    kind = find_entry(name).sequence_layer
    inside = (width_multiple(*_said(inner)) for inner in _inner(kind, options).values())
    return math.lcm(kind.width_multiple(options), *inside)


def _inner(kind: type[SequenceLayer], options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a layer's options that are a layer inside; one that may be left out is none where it is ``None``."""
    return {name: options[name] for name in inner_layers(kind) & options.keys() if options[name] is not None}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(isinstance(part, PLAIN) for part in value)
    return isinstance(value, PLAIN) or (isinstance(value, type) and issubclass(value, SequenceLayer))


def _complete(inner: str | Mapping[str, Any] | type[SequenceLayer], context_length: int | None) -> dict[str, Any]:
    """An inner layer with every option."""
    name, decided = _said(_name_of(inner) if isinstance(inner, type) else inner)
    return {"layer": name, "options": default_options(find_entry(name), decided, context_length=context_length)}


def _layer_factory(inner: str | Mapping[str, Any]) -> LayerFactory:
    name, options = _said(inner)
    entry = find_entry(name)

    def make(*, input_size: int, hidden_size: int) -> SequenceLayer:
        return make_layer(entry, {**options, "input_size": input_size, "hidden_size": hidden_size})

    return make


def _said(inner: str | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Name and options of an inner layer."""
    if isinstance(inner, str):
        return inner, {}
    if not {"layer"} <= inner.keys() <= {"layer", "options"}:
        raise UserError(f'an inner layer is a name or {{"layer": name, "options": {{...}}}}, got {dict(inner)}')
    return inner["layer"], inner.get("options", {})


def _name_of(kind: type[SequenceLayer]) -> str:
    """The name of a class of layers in the catalog, else its import path."""
    names = [entry.name for entry in SEQUENCE_LAYERS.values() if entry.layer is kind and not entry.defaults]
    return names[0] if names else f"{kind.__module__}:{kind.__qualname__}"


def build(config: ModelConfig, input_form: InputForm, output_size: int) -> Model:
    """The model that ``config`` describes.

    >>> from statewise.contract import Tokens
    >>> model = build(ModelConfig(layer="gru", width=16), Tokens(50), 50)
    >>> model.output_size
    50
    """
    return build_model(config, layer_maker(find_entry(config.layer)), input_form, output_size)
