"""Trains and judges multilingual dense retrievers in JAX.

`Retriever` embeds texts; `load_task` and `judge` give figures of anybody's
vectors; `train`, `evaluate`, `export`, `search` and `compare` are what the
commands do. Each name is imported when it is first asked for, so that
importing the package takes no time and asks for no device.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from hybridret_jax.assembly.judged import Evaluation as Evaluation
  from hybridret_jax.assembly.judged_vectors import judge as judge
  from hybridret_jax.library import compare as compare
  from hybridret_jax.library import load_task as load_task
  from hybridret_jax.library import run as run_all
  from hybridret_jax.retriever import Retriever as Retriever
  from hybridret_jax.retrieval.tasks.task import Task as Task
