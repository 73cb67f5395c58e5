"""Tensors out of torch's pickles: a program of its own, for nothing else.

  python -m hybridret_jax.models.pickled OUT.safetensors FILE.bin ...

Only `torch.load(weights_only=True)` reads them, which rebuilds tensors and runs
nothing that a file names. What it refuses is not read in any other way.
"""

import pathlib
import sys


def main(out: str, *files: str) -> None:
  """Writes the tensors of all files as one safetensors file.

  Raises:
    SystemExit: saying in one line what of which file cannot be taken.
  """
  import safetensors.torch
  import torch  # pyright: ignore[reportMissingImports]

  tensors = {}
  for file in files:
    name = pathlib.Path(file).name
    try:
      found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # Whatever a foreign file makes it raise.
      first = str(error).strip().splitlines()[:1] or [type(error).__name__]
      sys.exit(f"{name}: {first[0][:300]}")
    if not isinstance(found, dict) or not found:
      sys.exit(f"{name}: holds no tensors by name")
    for key, value in found.items():
      if not isinstance(key, str) or not isinstance(value, torch.Tensor):
        sys.exit(f"{name}: {str(key)[:80]!r} is no tensor")
      if value.layout != torch.strided or value.is_quantized:
        sys.exit(f"{name}: {key[:80]!r} is no plain tensor")
      if key in tensors:
        sys.exit(f"{name}: {key[:80]!r} stands in another file too")
      # A copy: tensors of one storage (tied tables) are refused when saved.
      tensors[key] = value.detach().clone().contiguous()
  safetensors.torch.save_file(tensors, out, metadata={"format": "pt"})
  print(len(tensors))


if __name__ == "__main__":
  main(*sys.argv[1:])
