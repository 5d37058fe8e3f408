"""The shape of the plain data that pages are drawn from, a page a file; what was not measured is ``None``."""
