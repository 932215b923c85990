"""``python -m nnlite``: the same as the command ``nnlite``."""

import sys

from nnlite.codec.commands import main

sys.exit(main())
