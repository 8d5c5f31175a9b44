"""``python -m webapp.cli`` is ``stowage``."""

from webapp.cli import main

if __name__ == "__main__":
    main()
