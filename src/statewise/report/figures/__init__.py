"""Figures as SVG, from plain numbers: each reads without a script, prints sharp and says in words what it shows."""
