"""From a name and plain data to a kind of layer and its complete config: the catalog's, or a person's own."""

import inspect
from collections.abc import Mapping
from typing import Any

from statewise.catalog import CATALOG, SEQUENCE_LAYERS
from statewise.contract import Entry, InputForm, Model, SequenceLayer
from statewise.errors import UserError, unknown
from statewise.importing import import_object
from statewise.models.build import build_model
from statewise.models.config import ModelConfig
from statewise.models.members import cycle_of, is_mixed, place_of
from statewise.models.nest import SIZES, Nest, inner_layers
from statewise.models.pattern import Pattern
from statewise.options import check_at_least

PLAIN = (bool, int, float, str, type(None))
"""What a config can hold as it is"""


def find_entry(name: str) -> Entry:
    """The catalog's entry of that name, or what stands at ``package.module:name``: an ``Entry`` or a layer's class.

    Raises:
        UserError: if there is no such name or module, or what is found there is no ``SequenceLayer``.
    """
    if ":" not in name:
        if name not in CATALOG:
            raise unknown("model", name, SEQUENCE_LAYERS)
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


def pattern_of(name: str, options: Mapping[str, Any] | None = None, *, context_length: int | None = None) -> Pattern:
    """The kinds of layers of that name with the layers inside them, every option said.

    An inner layer, which is an argument annotated ``LayerFactory``, is said by its name or as a config says a layer:
    ``{"layer": "lstm", "options": {"forget_bias": 2.0}}``.

    Args:
        name: in the catalog, or an import path, or several of these joined by +.
        options: that are decided; before them come the window that sees the context, the entry's own and the
            signature's. Left out are the sizes, what depends on the number of the block, and what is no plain data.
        context_length: steps that have to be seen; ``None`` = no bound, the layer's own default then.

    Raises:
        UserError: if there is no such layer, here or inside, or it reads something else than a sequence.

    >>> pattern_of("lru+attention", {"attention": {"positions": "alibi"}}).options["attention"]["positions"]
    'alibi'
    """
    mixed = is_mixed(name)
    cycle = tuple(place_of(layer) if mixed else "" for layer in cycle_of(name))
    layers = dict(zip(cycle, cycle_of(name), strict=True))
    decided = (options or {}) if mixed else {"": options or {}}
    for place, said in decided.items():
        if place not in layers:
            raise unknown(f"layer of {name}", place, layers)
        if not isinstance(said, Mapping):
            raise UserError(f"what is said of {place} in {name} must be its options by name, got {said!r}")
    nests = {
        place: _nest(layer, find_entry(layer), decided.get(place, {}), context_length)
        for place, layer in layers.items()
    }
    return Pattern(name, cycle, nests)


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


def default_config(
    name: str,
    *,
    context_length: int | None = None,
    depth: int = ModelConfig.depth,
    options: Mapping[str, Any] | None = None,
) -> ModelConfig:
    """The complete config that the field uses for this kind of layer: its block, feed-forward part, window and options.

    Args:
        name: in the catalog, or an import path, or several of these joined by +.
        depth: blocks; a kind that takes more to see the context, and a longer pattern, gets as many as it takes.
        context_length: steps that have to be seen; ``None`` = no bound, the layer's own default then.
        options: of the layer, where they are decided already.

    Raises:
        UserError: if the name is unknown, or there are to be no blocks.
    """
    check_at_least("depth", depth, 1)
    pattern = pattern_of(name, options, context_length=context_length)
    needed = len(pattern.cycle) if context_length is None else pattern.depth_to_see(context_length)
    return ModelConfig(
        name, pattern.options, depth=max(depth, needed), block=pattern.block, feed_forward=pattern.feed_forward
    )


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
    pattern = pattern_of(config.layer, config.options)
    pattern.check_depth(config.depth)
    return build_model(config, pattern.make, input_form, output_size)
