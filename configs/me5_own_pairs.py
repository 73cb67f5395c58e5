"""multilingual-E5 on pairs of one's own, for an accelerator by its name.

  python -m hybridret_jax.main --config=me5_own_pairs:v5e-1 \
      --workdir=runs/mine --config.data.folder=DATA

DATA/pairs has a <language>.jsonl(.gz) for each of data.languages.
"""

from hybridret_jax import defaults
from hybridret_jax.ground import faults

# What fits, and is quick: for multilingual-E5-small, with texts of E5's lengths
# in rows of 128 and 256 tokens. Chunks are tokens on each device. `topology` is
# what --mode=plan compiles a TPU's step for.
PRESETS = {
  "cpu": {"batch_size": 32},
  "v5e-1": {
    "topology": "v5e:1x1",
    "batch_size": 1024,
    "chunk_tokens": 16_384,
    "dtype": "bfloat16",
    "attention": "splash",
  },
  "v5e-8": {
    "topology": "v5e:2x4",
    "batch_size": 4096,
    "chunk_tokens": 16_384,
    "dtype": "bfloat16",
    "attention": "splash",
  },
  "v6e-8": {
    "topology": "v6e:2x4",
    "batch_size": 4096,
    "chunk_tokens": 32_768,
    "dtype": "bfloat16",
    "attention": "splash",
  },
  # Without bfloat16 and without cuDNN's attention.
  "T4": {"batch_size": 256, "chunk_tokens": 4096},
  "L4": {
    "batch_size": 512,
    "chunk_tokens": 16_384,
    "dtype": "bfloat16",
    "attention": "cudnn",
  },
  "A100": {
    "batch_size": 1024,
    "chunk_tokens": 32_768,
    "dtype": "bfloat16",
    "attention": "cudnn",
  },
}


def get_config(accelerator="cpu"):
  if accelerator not in PRESETS:
    raise faults.Fault(
      f"me5_own_pairs:{accelerator}",
      "there is no preset for it",
      f"choose from {', '.join(PRESETS)}",
    )
  preset = PRESETS[accelerator]
  config = defaults.get_config()
  config.model.init = "intfloat/multilingual-e5-small"
  config.model.dropout = 0.0
  config.model.attention_dropout = 0.0
  config.model.dtype = preset.get("dtype", "float32")
  config.model.attention = preset.get("attention", "xla")
  config.data.sources = ("pairs",)
  config.data.query_length = 64
  config.data.passage_length = 256
  config.packing.row_lengths = (128, 256)
  config.batches.strategy = "hybrid"
  config.batches.batch_size = preset["batch_size"]
  config.train.chunk_tokens = preset.get("chunk_tokens", 0)
  config.train.steps = 200
  config.train.log_every = 5
  config.train.evaluate_every = 50
  # What a lost session costs at most.
  config.train.checkpoint_every = 25
  config.optimizer.learning_rate = 3e-5
  config.optimizer.warmup_steps = 20
  config.validation.share = 0.1
  config.evaluation.tasks = ("held_out",)
  return config
