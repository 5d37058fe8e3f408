"""Studies that come with the package: each a file that is data, and one line here."""

from collections.abc import Mapping

from statewise.compare.presets.depth import DEPTH
from statewise.compare.presets.gated_units import GATED_UNITS
from statewise.compare.study import Study

PRESETS: Mapping[str, Study] = {study.name: study for study in (GATED_UNITS, DEPTH)}
"""Name -> study."""
