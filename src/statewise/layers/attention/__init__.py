"""Attention on a window that is carried from chunk to chunk."""
