"""Trains and judges multilingual dense retrievers in JAX.

`Retriever` embeds texts; `load_task` and `judge` give figures of anybody's
vectors; `train`, `evaluate`, `export`, `push`, `encode`, `mine`, `inspect`,
`audit`, `replay`, `search`, `trim`, `convert` and `compare` are what the
commands do. A name is imported when it is first asked for: importing the
package takes no time and asks for no device.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from hybridret_jax.assembly.judged import Evaluation
  from hybridret_jax.assembly.judged_vectors import judge
  from hybridret_jax.library import (
    compare,
    convert,
    encode,
    evaluate,
    export,
    load_task,
    mine,
    push,
    search,
    train,
    trim,
  )
  from hybridret_jax.looking import audit, inspect, replay
  from hybridret_jax.retrieval.tasks.task import Task
  from hybridret_jax.retriever import Retriever
  from hybridret_jax.shipped import get_config

__all__ = [
  "Evaluation",
  "Retriever",
  "Task",
  "audit",
  "compare",
  "convert",
  "encode",
  "evaluate",
  "export",
  "get_config",
  "inspect",
  "judge",
  "load_task",
  "mine",
  "push",
  "replay",
  "search",
  "train",
  "trim",
]
_WHERE = {
  "Evaluation": "assembly.judged",
  "Retriever": "retriever",
  "Task": "retrieval.tasks.task",
  "audit": "looking",
  "get_config": "shipped",
  "inspect": "looking",
  "judge": "assembly.judged_vectors",
  "replay": "looking",
}


def __getattr__(name: str) -> Any:
  if name not in __all__:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  where = _WHERE.get(name, "library")
  found = getattr(importlib.import_module(f"{__name__}.{where}"), name)
  globals()[name] = found  # A submodule of that name may not take its place.
  return found


def __dir__() -> list[str]:
  return sorted([*globals(), *__all__])
