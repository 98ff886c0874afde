"""KenLM's side of perplexity.py, in an environment of its own: each line scored, so many times over.

model.arpa, lines.txt ─▶ kenlm.Model.score ─▶ JSON: logarithms, CPU seconds of each time
"""

import json
import sys
import time
from pathlib import Path

import kenlm

model, lines = kenlm.Model(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="utf-8").split("\n")[:-1]
logarithms, seconds = [], []
for _ in range(int(sys.argv[3])):
    started = time.process_time()
    logarithms = [model.score(line) for line in lines]
    seconds.append(time.process_time() - started)
print(json.dumps({"logarithms": logarithms, "seconds": seconds}))
