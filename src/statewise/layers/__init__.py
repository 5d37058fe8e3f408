"""Layers: one model a file, one folder a family."""
