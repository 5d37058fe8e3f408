"""Runs: one trained model in a folder that explains itself, and what it is used for afterwards."""
