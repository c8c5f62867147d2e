"""``python -m graphkit``: the command ``graphkit``, also where it is not installed."""

import sys

from graphkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
