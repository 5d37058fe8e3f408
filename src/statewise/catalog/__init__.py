"""Everything statewise can build, a literal table a family. A new layer is its file and one entry in its family's."""

from collections.abc import Mapping

from statewise.catalog.attention import ATTENTION
from statewise.catalog.convolution import CONVOLUTION
from statewise.catalog.memory import MEMORY
from statewise.catalog.recurrent import RECURRENT
from statewise.catalog.reservoir import RESERVOIR
from statewise.catalog.statespace import STATESPACE
from statewise.catalog.structure import STRUCTURE
from statewise.contract import Entry

CATALOG: Mapping[str, Entry] = {
    entry.name: entry
    for family in (RECURRENT, STATESPACE, ATTENTION, CONVOLUTION, RESERVOIR, MEMORY, STRUCTURE)
    for entry in family
}
"""Name -> entry, whatever it reads."""

SEQUENCE_LAYERS: Mapping[str, Entry] = {name: e for name, e in CATALOG.items() if e.reads == "a sequence"}
"""Those that a model can be made of, and so the arms of a comparison"""
