"""Loops over time for CPUs, compiled by numba where it is installed: ``pip install 'statewise[fast]'``."""
