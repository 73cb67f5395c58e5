"""The cache: where it is, and what happens if it cannot be written.

It costs time and no run: what cannot be kept is made anew each time.
"""

import contextlib
import functools
import logging
import os
import pathlib
import tempfile
from collections.abc import Iterator

_LOG = logging.getLogger(__name__)
DEFAULT = "~/.cache/hybridret_jax"
_SAID: set[str] = set()


@functools.cache
def place(setting: str) -> pathlib.Path:
  """The folder that a setting means.

  The default follows XDG_CACHE_HOME where that is set. Where there is no home,
  or nothing can be written there, it is one in the folder for temporary files,
  and that is said. Any other setting is taken as it is.
  """
  if setting != DEFAULT:
    return pathlib.Path(setting).expanduser()
  base = os.environ.get("XDG_CACHE_HOME", "")
  try:
    folder = (
      pathlib.Path(base) / "hybridret_jax"
      if os.path.isabs(base)
      else pathlib.Path(DEFAULT).expanduser()
    )
  except RuntimeError:  # There is no home.
    return _temporary("no home folder is known (HOME)")
  why = unwritable(folder)
  return _temporary(f"{folder}: {why}") if why else folder


def unwritable(folder: pathlib.Path) -> str:
  """Why nothing can be written into a folder, which is made; "" if it can."""
  try:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
      file.write(b"1")
  except OSError as error:
    return error.strerror or str(error)
  return ""


@contextlib.contextmanager
def tolerant(folder: str | os.PathLike) -> Iterator[None]:
  """Runs a block that keeps something in `folder`, which may fail to.

  That it cannot be kept is said once a folder.
  """
  try:
    yield
  except OSError as error:
    say(folder, error.strerror or str(error))


def say(folder: str | os.PathLike, why: str) -> None:
  """Warns, once, that nothing can be kept in a folder."""
  if str(folder) in _SAID:
    return
  _SAID.add(str(folder))
  _LOG.warning(
    "%s: %s; nothing is kept there, so it is made anew each time. Give another"
    " --config.cache.",
    folder,
    why,
  )


def _temporary(why: str) -> pathlib.Path:
  user = os.getuid() if hasattr(os, "getuid") else 0
  folder = pathlib.Path(tempfile.gettempdir()) / f"hybridret_jax-{user}"
  with contextlib.suppress(OSError):
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != user:
      # Somebody else's: nothing of theirs is read.
      folder = pathlib.Path(tempfile.mkdtemp(prefix="hybridret_jax-"))
  _LOG.warning(
    "%s; the cache is %s. Give --config.cache to keep it.", why, folder
  )
  return folder
