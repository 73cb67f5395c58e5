"""Seconds until the command line and the library are there, part by part.

python -m benchmarks.start_up
"""

import argparse
import json
import subprocess
import sys
import time

PARTS = {
  "pass": ["-c", "pass"],
  "import hybridret_jax": ["-c", "import hybridret_jax"],
  "--help": ["-m", "hybridret_jax.main", "--help"],
  "settings": ["-m", "hybridret_jax.main", "settings"],
  "Retriever": ["-c", "import hybridret_jax; hybridret_jax.Retriever"],
  **{
    f"verbs.{verb}": ["-c", f"import hybridret_jax.verbs.{verb}"]
    for verb in ("train", "evaluate", "export", "search", "encode", "report")
  },
}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    "--times", type=int, default=5, help="the best of so many"
  )
  args = parser.parse_args()
  found = {
    part: round(min(_seconds(words) for _ in range(args.times)), 3)
    for part, words in PARTS.items()
  }
  print(
    json.dumps(
      {"python -c pass": round(_seconds(["-c", "pass"]), 3), **found}, indent=1
    )
  )


def _seconds(words: list[str]) -> float:
  begun = time.perf_counter()
  subprocess.run([sys.executable, *words], check=True, capture_output=True)
  return time.perf_counter() - begun


if __name__ == "__main__":
  main()
