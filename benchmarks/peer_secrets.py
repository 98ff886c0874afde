"""detect-secrets' side of scrub_secrets.py: its findings in all files of a folder, with its default settings.

FOLDER ─▶ JSON on stdout: CPU seconds, and [file, line, kind, value] of each finding
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings


def main() -> None:
    root = Path(sys.argv[1])
    found = []
    started = time.process_time()
    with default_settings():
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            secrets = SecretsCollection()
            secrets.scan_file(str(path))
            found += [
                (str(path.relative_to(root)), one.line_number, one.type, one.secret_value or "") for _, one in secrets
            ]
    json.dump({"seconds": time.process_time() - started, "found": found}, sys.stdout)


if __name__ == "__main__":
    main()
