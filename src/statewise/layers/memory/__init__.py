"""Nets with an explicit memory that is read and written."""
