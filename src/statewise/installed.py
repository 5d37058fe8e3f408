"""Which version of a package runs here."""

import importlib.metadata


def version(package: str) -> str:
    """The installed version of a package; empty where it runs from a folder.

    >>> version("torch")[0] in "23456789", version("nonesuch")
    (True, '')
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
