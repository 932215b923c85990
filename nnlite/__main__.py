"""``python -m nnlite``: the same as the command ``nnlite``."""

import sys

from nnlite.cli import main

sys.exit(main())
