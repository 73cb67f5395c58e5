"""sentence-transformers' model of a folder, without dropout."""

import importlib.metadata
import os
from typing import Any

import sentence_transformers
import torch

SHARED_THREADS = len(os.sched_getaffinity(0))


def load(
  folder: str,
  *,
  attention: str,
  dtype: str = "float32",
  device: str = "cpu",
) -> sentence_transformers.SentenceTransformer:
  """The library's own model of a Hugging Face folder.

  Args:
    folder: of the model.
    attention: implementation, "sdpa" or "eager".
    dtype: of its parameters.
    device: "cpu" or "cuda".

  Raises:
    ValueError: the model keeps some dropout.
  """
  # As many as the other side has; by itself torch leaves hyperthreads alone.
  torch.set_num_threads(SHARED_THREADS)
  model = sentence_transformers.SentenceTransformer(
    folder,
    device=device,
    model_kwargs={
      "attn_implementation": attention,
      "dtype": getattr(torch, dtype),
    },
    config_kwargs={
      "hidden_dropout_prob": 0.0,
      "attention_probs_dropout_prob": 0.0,
    },
  )
  for name, module in model.named_modules():
    if isinstance(module, torch.nn.Dropout) and module.p:
      raise ValueError(f"{folder}: {name} drops {module.p}; it must drop none")
  return model


def autocast(model: sentence_transformers.SentenceTransformer) -> None:
  """Lets a model multiply in bfloat16 and answer in float32, as bf16=True does.

  The library's trainer leaves that to accelerate, which wraps `forward` so and
  not the loss.
  """
  forward = model.forward

  def in_bfloat16(*args: Any, **kwargs: Any) -> Any:
    with torch.autocast(model.device.type, dtype=torch.bfloat16):
      found = forward(*args, **kwargs)
    return {
      key: x.float() if torch.is_tensor(x) and x.is_floating_point() else x
      for key, x in found.items()
    }

  model.forward = in_bfloat16


def peak_bytes(device: str) -> int | None:
  """Most memory of a device that torch has held so far; None of a CPU's."""
  return torch.cuda.max_memory_allocated() if device == "cuda" else None


def versions() -> dict[str, str]:
  """Installed versions of what is compared with."""
  names = ("torch", "transformers", "sentence-transformers")
  return {name: importlib.metadata.version(name) for name in names}
