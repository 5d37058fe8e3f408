"""The laws every layer keeps; ``check(layer)`` tries a layer of your own on them.

>>> from statewise.layers.recurrent.lstm import LSTM
>>> check(LSTM(input_size=3, hidden_size=4))

A broken law raises ``LawBroken``, an AssertionError that names the law, the place and the size of the difference.
"""

from statewise.laws.broken import LawBroken
from statewise.laws.check import LAWS, check

__all__ = ["LAWS", "LawBroken", "check"]
