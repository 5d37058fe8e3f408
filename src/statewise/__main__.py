"""``python -m statewise`` is the ``statewise`` command."""

from statewise.cli import main

if __name__ == "__main__":
    main()
