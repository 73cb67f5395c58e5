"""Writes README.md of a folder of the accelerator's benchmark.

PYTHONPATH=. python -m benchmarks.accelerator.table OUT
"""

import json
import pathlib
import statistics
import sys
from collections.abc import Iterator
from typing import Any

import tabulate

_GIB = 2**30
_OURS, _PEER = "hybridret_jax", "sentence-transformers"


def main() -> None:
  folder = pathlib.Path(sys.argv[1])
  found = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted(folder.glob("*.json"))
  }
  text = "\n\n".join(part for part in page(found) if part) + "\n"
  (folder / "README.md").write_text(text, "utf-8")
  print(text)


def page(found: dict[str, dict[str, Any]]) -> Iterator[str]:
  """Paragraphs and tables of what is there."""
  measured = [x for x in found.values() if "device" in x]
  if measured:
    one = measured[0]
    versions = ", ".join(f"{k} {v}" for k, v in one["versions"].items())
    yield f"# {one['device']}"
    yield f"Python {one['python']}, {versions}."
  yield from _trained(
    [
      row
      for key, x in found.items()
      if key[:6] == "train_"
      for row in x["rows"]
    ]
  )
  yield from _beside(
    "Training beside sentence-transformers",
    "pairs/s",
    {key: x for key, x in found.items() if key.startswith("peer_")},
    "steps",
  )
  yield from _beside(
    "Encoding beside sentence-transformers",
    "texts/s",
    {key: x for key, x in found.items() if key.startswith("texts_")},
    "repeats",
  )
  yield from _scored(found.get("scores", {}).get("rows", []))
  yield from _attention(found.get("attention", {}).get("rows", []))


def _trained(rows):
  if not rows:
    return
  yield "## Train steps"
  yield _table(
    [
      "model",
      "pairs",
      "lengths",
      "chunk tokens",
      "attention",
      "s a step",
      "pairs/s",
      "tokens/s",
      "share of peak",
      "memory planned, GiB",
      "held, GiB",
      "compiled in, s",
    ],
    [
      [
        row["model"],
        f"{row['pairs']:,}",
        "/".join(map(str, row["lengths"])),
        f"{row['chunk_tokens']:,}" if row["chunk_tokens"] else "",
        row["attention"],
        *_step(row),
      ]
      for row in rows
    ],
  )


def _step(row):
  if "does_not_fit" in row:
    return ["does not fit"]
  return [
    f"{row['seconds']:.3f}",
    f"{row['pairs_per_second']:,.0f}",
    f"{row['tokens_per_second']:,.0f}",
    f"{row['mfu']:.1%}" if row["mfu"] else "",
    f"{row['planned_bytes'] / _GIB:.2f}",
    f"{row['peak_bytes'] / _GIB:.2f}" if row["peak_bytes"] else "",
    f"{row['compile_seconds']:.0f}",
  ]


def _beside(title, unit, found, each):
  if not found:
    return
  yield f"## {title}"
  rows = []
  for key, saved in found.items():
    for precision, one in saved["precisions"].items():
      faster = one["times_faster"]
      faster = faster.get("step", faster)
      for name in (_OURS, _PEER):
        side = one["sides"][name]
        held = side[each][-1]["device_peak_bytes"]
        rows.append(
          [
            key.partition("_")[2],
            precision,
            name,
            f"{side['items_per_second']['median']:,.0f}",
            f"{side['padding_share']:.1%}",
            f"{held / _GIB:.2f}" if held else "",
            _spread(faster) if name == _OURS else "",
          ]
        )
  yield _table(
    ["model", "precision", "", unit, "padding", "held, GiB", "times faster"],
    rows,
  )


def _scored(rows):
  if not rows:
    return
  yield "## Ranking"
  yield _table(
    [
      "queries",
      "candidates",
      "width",
      "exact ranks, s",
      "product reduced at once, s",
      "in bfloat16, s",
      "ratio",
      "queries/s",
    ],
    [
      [
        f"{row['queries']:,}",
        f"{row['candidates']:,}",
        row["width"],
        *(f"{seconds:.4f}" for seconds in row["seconds"].values()),
        f"{row['seconds']['counts'] / row['seconds']['product_float32']:.2f}",
        f"{row['queries'] / row['seconds']['counts']:,.0f}",
      ]
      for row in rows
    ],
  )


def _attention(rows):
  if not rows:
    return
  yield "## Attention of packed rows, forward and back"
  yield _table(
    ["rows x heads x tokens x units", "causal", "path", "error", "ms"],
    [
      [
        " x ".join(map(str, row["shape"])),
        "yes" if row["causal"] else "",
        row["path"],
        f"{max(row['errors'].values()):.1e}",
        f"{row['milliseconds']:.2f}",
      ]
      for row in rows
    ],
  )
  paths = sorted({row["path"] for row in rows})
  if len(paths) > 1:
    times = {
      path: [x["milliseconds"] for x in rows if x["path"] == path]
      for path in paths
    }
    others = [path for path in paths if path != "xla"]
    for path in others:
      ratio = statistics.median(
        a / b for a, b in zip(times["xla"], times[path], strict=True)
      )
      yield f"{path} takes 1/{ratio:.2f} of xla's time in the middle."


def _spread(found):
  low, middle, high = (found[key] for key in ("low", "median", "high"))
  return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def _table(headers, rows):
  return tabulate.tabulate(
    rows, headers, tablefmt="github", disable_numparse=True
  )


if __name__ == "__main__":
  main()
