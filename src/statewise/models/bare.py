"""The layers of a pattern and nothing around them."""

from statewise.combine.stack import Stack
from statewise.contract import SequenceLayer
from statewise.models.pattern import Pattern


def bare_layer(pattern: Pattern, width: int) -> SequenceLayer:
    """One layer, or the layers of a longer pattern one on the other: no embedding, blocks or head.

    Raises:
        UserError: if there is no layer of that width.

    >>> from statewise.models.resolve import pattern_of
    >>> bare_layer(pattern_of("lstm"), 8)
    LSTM()
    """
    layers: list[SequenceLayer] = []
    for number in range(len(pattern.cycle)):
        read = layers[-1].output_size if layers else width
        layers.append(pattern.make(input_size=read, hidden_size=width, number=number))
    return layers[0] if len(layers) == 1 else Stack(layers)
