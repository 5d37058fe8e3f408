"""How a pattern is spelled: names of layers joined by ``+``, which the blocks of a model take in turn."""

from statewise.errors import UserError


def cycle_of(name: str) -> tuple[str, ...]:
    """The layers that blocks 0, 1, 2, ... take, from the first again after the last. One layer is a pattern of one.

    Raises:
        UserError: if a name is missing.

    >>> cycle_of("lru+lru+attention"), cycle_of("lstm")
    (('lru', 'lru', 'attention'), ('lstm',))
    """
    cycle = tuple(part.strip() for part in name.split("+"))
    if not all(cycle):
        raise UserError(f"'{name}' leaves out a layer; join names by a plus, as in lru+lru+attention")
    return cycle


def place_of(layer: str) -> str:
    """What a layer of a pattern is called in the paths of its options; of an import path, the name that it ends with.

    >>> place_of("min-gru"), place_of("mine:Decay")
    ('min_gru', 'Decay')
    """
    return layer.rpartition(":")[2].replace("-", "_")


def layers_at(name: str) -> dict[str, str]:
    """Every kind of layer in a pattern once, by its place: a layer that stands in it twice has its options once.

    Raises:
        UserError: if two kinds would have one place.

    >>> layers_at("lru+lru+min-gru")
    {'lru': 'lru', 'min_gru': 'min-gru'}
    """
    found: dict[str, str] = {}
    for layer in cycle_of(name):
        if found.setdefault(place_of(layer), layer) != layer:
            raise UserError(f"{found[place_of(layer)]} and {layer} have the same name in {name}; give one another name")
    return found


def is_mixed(name: str) -> bool:
    """Whether a pattern has more than one kind of layer, and so their options under their names.

    >>> is_mixed("lru+attention"), is_mixed("lru")
    (True, False)
    """
    return len(layers_at(name)) > 1


def path_to(name: str, path: str) -> tuple[str, str]:
    """The place that the path of an option leads to, and the path from there; "" for a pattern of one kind of layer.

    >>> path_to("lru+attention", "attention.heads"), path_to("attention", "heads")
    (('attention', 'heads'), ('', 'heads'))
    """
    place, _, rest = path.partition(".")
    return (place, rest) if is_mixed(name) else ("", path)
