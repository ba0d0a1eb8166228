"""``python -m stance`` is the same as ``stance``."""

from stance.app.main import main

if __name__ == "__main__":
    main()
