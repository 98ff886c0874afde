"""Before the tests: bytecode is kept, whatever the environment says, as they start hundreds of processes, each of which
would compile its libraries anew.
"""

from __future__ import annotations

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
