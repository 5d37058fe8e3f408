"""Convolutions over time whose tails are carried from chunk to chunk."""
