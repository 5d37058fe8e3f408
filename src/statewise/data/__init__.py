"""Readers of a person's data: text and tables, their splits and streams."""
