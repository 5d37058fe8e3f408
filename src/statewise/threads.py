"""How many threads a process may use for numbers."""

import os


def use_one_thread() -> None:
    """From now on, torch and numpy in this process and those it starts take one thread, unless a person said otherwise.

    Small models are fastest so, and trials beside each other do not take each other's cores. To be called before torch
    or numpy are imported.
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
