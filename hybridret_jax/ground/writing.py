"""Files that appear whole or not at all."""

import contextlib
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Yields a new path beside `path` that takes its place at the end.

  If the block raises, what was written is removed and `path` stays as it was.
  The folder is made where it is missing.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  aside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
  try:
    yield aside
    os.replace(aside, path)
  finally:
    aside.unlink(missing_ok=True)


def write(path: str | os.PathLike, text: str) -> None:
  """Writes `text` as the whole of `path`, in UTF-8."""
  with replacing(path) as aside:
    aside.write_text(text, encoding="utf-8", newline="")
