"""Reproduce published figures: ``python benchmarks/reproduce.py [--missing] [name ...]``.

Every experiment, or those named, writes ``docs/reproduced/<name>.json`` when it is finished, and its figure beside it;
``--missing`` leaves alone what has such a file, so that one can go on where one stopped. ``docs/reproduced.md`` is made
from these files. Text, tables and sound are read from the folder that STATEWISE_DATA names.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from reproduction import (
    copying,
    frequencies,
    gradients,
    language,
    memory_capacity,
    onnx,
    parity,
    sums,
    waveforms,
    xlstm_parity,
)
from reproduction.page import write_page

EXPERIMENTS = {
    "memory-capacity": memory_capacity.run,
    "parity": parity.run,
    "tinyshakespeare": language.run,
    "adding": sums.run_adding,
    "copy-memory": sums.run_copy_memory,
    "copy": copying.run,
    "parity-xlstm": xlstm_parity.run,
    "waveforms": waveforms.run,
    "frequencies": frequencies.run_irregular,
    "frequencies-regular": frequencies.run_regular,
    "gradient-through-time": gradients.run,
    "onnx": onnx.run,
}
RESULTS = Path(__file__).parent.parent / "docs" / "reproduced"


def main(names: list[str], *, missing: bool) -> None:
    """Run experiments, then write the page."""
    torch.set_num_threads(1)
    for name in names:
        path = RESULTS / f"{name}.json"
        if missing and path.exists():
            print(f"{name}: stands already in {path}")
            continue
        print(f"{name}: running", flush=True)
        began = time.process_time()
        result = EXPERIMENTS[name]()
        result["cpu_minutes"] = round((time.process_time() - began) / 60, 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        if drawn := result.pop("figure", None):
            path.with_suffix(".svg").write_text(drawn, encoding="utf-8")
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_page(RESULTS, RESULTS.parent / "reproduced.md", list(EXPERIMENTS))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(EXPERIMENTS)}; default all")
    parser.add_argument("--missing", action="store_true", help="leave alone what has a result")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - EXPERIMENTS.keys():
        parser.error(f"no experiment {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}")
    main(arguments.names or list(EXPERIMENTS), missing=arguments.missing)
