"""The side of scrub.py that runs in an environment of its own, with datafog-core and without curate.

texts.json ─▶ datafog_core.scan of each ─▶ findings, CPU seconds
"""

import json
import sys
import time

import datafog_core

KINDS = {"EMAIL": "EMAIL_ADDRESS", "IP_ADDRESS": "IP_ADDRESS", "PHONE": "PHONE_NUMBER", "SSN": "US_SSN"}
KINDS |= {"CREDIT_CARD": "CREDIT_CARD"}


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        texts = json.load(file)
    config = {"entities": list(KINDS)}
    for text in texts[:20]:
        datafog_core.scan(text, config)
    started = time.process_time()
    found = [datafog_core.scan(text, config) for text in texts]
    seconds = time.process_time() - started
    spans = [[span_of(one) for one in findings] for findings in found]
    print(json.dumps({"seconds": seconds, "spans": spans}))


def span_of(finding: datafog_core.Finding) -> tuple[int, int, str]:
    return finding.codepoint_range.start, finding.codepoint_range.end, KINDS[finding.entity_type]


if __name__ == "__main__":
    main()
