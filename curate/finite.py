"""Values as JSON can say them: it knows neither NaN nor Infinity, and whoever reads them may refuse the whole text.

value ─▶ floats that are no numbers are null, however deep they lie
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value
