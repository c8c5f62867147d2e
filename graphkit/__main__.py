"""``python -m graphkit``: the command ``graphkit``, which also works without installation."""

import sys

from graphkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
