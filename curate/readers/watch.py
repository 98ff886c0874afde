"""Who watches over a reader: opens its inputs, and so sees what it reads of them; and hears that it goes on.

reader ─▶ watch.open(file) ─▶ a seekable binary file          reader ─▶ watch.pulse()
"""

from __future__ import annotations

from dataclasses import dataclass

from curate.batch import Pulse, no_pulse
from curate.engine.files import Opener, open_file


@dataclass(frozen=True, slots=True)
class Watch:
    pulse: Pulse = no_pulse
    open: Opener = open_file


UNWATCHED = Watch()
