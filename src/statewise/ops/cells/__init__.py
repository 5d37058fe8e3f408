"""Recurrences of single numbers, without a matrix between steps: one cell a file, in every form."""
