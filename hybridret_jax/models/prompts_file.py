"""What config_sentence_transformers.json says: prompts, similarity, width."""

import pathlib

from hybridret_jax.ground import settings_file

FILE = "config_sentence_transformers.json"
_MOST_NUMBERS = 2**20
# Names under which sentence-transformers seeks each side's prompt.
_PROMPTS = {"query": ("query",), "passage": ("document", "passage", "corpus")}


def prefixes(folder: pathlib.Path, *, unit: bool) -> dict[str, str] | None:
  """Of each side, as in sentence-transformers' encode_query and _document.

  Args:
    folder: of a tower.
    unit: whether its last module makes vectors of length one.

  Returns:
    None where none is named.

  Raises:
    faults.Fault: the file cannot be read, or says what is not supported.
  """
  settings = settings_file.read_if_there(folder / FILE)
  if settings is None:
    return None
  similarity = settings.choice(
    "similarity_fn_name", ("cosine", "dot", "dot_score", "euclidean"), "cosine"
  )
  if similarity != "cosine" and not unit:
    raise settings.fault(
      f"similarity_fn_name is {similarity!r} of vectors of any length",
      'vectors have length one here; set "cosine" if that is what is meant',
    )
  prompts = settings.section("prompts")
  default = settings.text("default_prompt_name", "")
  if default and not prompts.says(default):
    raise settings.fault(
      f"default_prompt_name {default!r} is none of prompts",
      f"name one of {', '.join(prompts.values)}",
    )
  known = {name for names in _PROMPTS.values() for name in names}
  if not default and not known & set(prompts.values):
    return None
  found = {}
  for side, names in _PROMPTS.items():
    name = next((n for n in names if prompts.says(n)), default)
    found[side] = prompts.text(name, "") if name else ""
  return found


def truncate_dim(folder: pathlib.Path) -> int | None:
  """The numbers of a vector that are used, the first ones; None: all.

  Raises:
    faults.Fault: the file cannot be read, or the value is no number above 0.
  """
  settings = settings_file.read_if_there(folder / FILE)
  if settings is None or settings.values.get("truncate_dim") is None:
    return None
  return settings.integer("truncate_dim", least=1, most=_MOST_NUMBERS)
