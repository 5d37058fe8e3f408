"""Figures as SVG text, from plain numbers."""
