"""Train steps of sentence-transformers on request, timed one by one.

The library's model, its loss and the step of its trainer (transformers'
`Trainer` with its defaults): padding per batch and column, AdamW that spares
biases and norms the decay, gradients clipped by their global norm.
"""

import time
from typing import Any

import torch
from sentence_transformers.sentence_transformer import losses

from benchmarks.workers import peer_model, pipe


class Training:
  """A model in training whose steps are asked for."""

  def start(
    self,
    folder: str,
    precision: str,
    setting: dict[str, str],
    max_lengths: dict[str, int],
    temperature: float,
    optimizer: dict[str, Any],
    device: str = "cpu",
  ) -> dict[str, Any]:
    """Keeps the settings; `reset` loads the model.

    Args:
      folder: Hugging Face folder of the model.
      precision: "float32", or "bfloat16" by autocast.
      setting: {"optimizer": "fused" or "default", "attention": "sdpa" or
        "eager"}.
      max_lengths: tokens at which "query" and "passage" texts are cut.
      temperature: of the loss.
      optimizer: "learning_rate", "weight_decay", "clip_norm", "b1", "b2",
        "eps".
      device: "cpu" or "cuda".
    """
    self.folder, self.precision, self.setting = folder, precision, setting
    self.max_lengths, self.temperature = max_lengths, temperature
    self.optimizer_settings, self.device = optimizer, device
    return {"versions": peer_model.versions()}

  def reset(self) -> None:
    """Begins again with the pretrained parameters and a fresh optimizer."""
    self.model = self.loss = self.optimizer = None  # No two are held.
    self.model = peer_model.load(
      self.folder, attention=self.setting["attention"], device=self.device
    )
    if self.precision == "bfloat16":
      peer_model.autocast(self.model)
    self.model.train()
    self.loss = losses.MultipleNegativesRankingLoss(
      self.model, scale=1 / self.temperature
    )
    self.optimizer = self._optimizer(self.model)

  def step(self, queries: list[str], passages: list[str]) -> dict[str, Any]:
    """One step over these pairs.

    Returns:
      "input_seconds", to tokenise and pad the texts; "seconds", of the step
      itself; the loss before it; tokens of text, and the slots of the padded
      matrices that hold them; "device_peak_bytes", so far.
    """
    assert self.model and self.loss and self.optimizer
    begun = time.perf_counter()
    columns = [
      {
        name: x.to(self.device) if torch.is_tensor(x) else x
        for name, x in self.model.preprocess(
          texts, max_length=self.max_lengths[side]
        ).items()
      }
      for side, texts in (("query", queries), ("passage", passages))
    ]
    built = time.perf_counter()
    value = self.loss(columns, None)
    value.backward()
    clip_norm = self.optimizer_settings["clip_norm"]
    if clip_norm:
      torch.nn.utils.clip_grad_norm_(self.model.parameters(), clip_norm)
    self.optimizer.step()
    self.optimizer.zero_grad()
    loss = value.item()
    ended = time.perf_counter()
    masks = [column["attention_mask"] for column in columns]
    return {
      "device_peak_bytes": peer_model.peak_bytes(self.device),
      "input_seconds": built - begun,
      "seconds": ended - built,
      "loss": loss,
      "tokens": sum(int(mask.sum()) for mask in masks),
      "slots": sum(mask.numel() for mask in masks),
    }

  def _optimizer(self, model):
    decay, rest = [], []
    for name, parameter in model.named_parameters():
      # The names that transformers' Trainer leaves out.
      spared = "bias" in name or "norm" in name.lower()
      (rest if spared else decay).append(parameter)
    wanted = self.optimizer_settings
    return torch.optim.AdamW(
      [
        {"params": decay, "weight_decay": wanted["weight_decay"]},
        {"params": rest, "weight_decay": 0.0},
      ],
      lr=wanted["learning_rate"],
      betas=(wanted["b1"], wanted["b2"]),
      eps=wanted["eps"],
      **({"fused": True} if self.setting["optimizer"] == "fused" else {}),
    )


if __name__ == "__main__":
  pipe.serve(Training())
