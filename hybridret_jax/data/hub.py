"""The files of rows of a data set on the Hugging Face hub."""

import pathlib
from collections.abc import Callable, Mapping

import huggingface_hub
from huggingface_hub import errors

from hybridret_jax.data import folders, row_files
from hybridret_jax.ground import faults

_OFFLINE = (
  "without a network, bring the data set's files to this machine and name their"
  " folder"
)


def parts(
  repo: str,
  options: Mapping[str, str],
  skip: Callable[[str, int], None],
  split: str,
) -> list[folders.Part]:
  """The data set's files of rows, in the hub's cache.

  They are downloaded where they are not there. Of a data set with several
  configurations `?config=` names the folder of one; of splits `folders.chosen`
  takes one.

  Raises:
    Fault: the id is none, the hub does not answer or has no such data set, or
      it is not known which files to take.
  """
  place = f"hub:{repo}"
  if repo.count("/") != 1 or not all(repo.split("/")):
    raise faults.Fault(place, "it is no id of the hub", "write hub:OWNER/NAME")
  revision = options.get("revision")
  with_rows = [
    path
    for path in map(pathlib.PurePosixPath, _listed(repo, revision, place))
    if row_files.named(path.name)
  ]
  wanted = _of_config(with_rows, options, place)
  chosen = folders.chosen(
    [pathlib.Path(path) for path in wanted], place, options, skip, split
  )
  return [
    folders.Part(_downloaded(repo, part.path, revision, place), part.language)
    for part in chosen
  ]


def _of_config(paths, options, place):
  config = options.get("config")
  if config is not None:
    wanted = [p for p in paths if config in (*p.parts[:-1], str(p.parent))]
  else:
    wanted = paths
    tops = sorted({str(p.parent) for p in paths})
    splits = {p.parent.name for p in paths if p.stem.isdigit()}
    if len(tops) > 1 and set(tops) != splits:
      raise faults.Fault(
        place,
        f"it has rows in several folders: {', '.join(tops[:8])}",
        "say ?config=FOLDER",
      )
  if not wanted:
    raise faults.Fault(
      place,
      f"it has no file of rows ({row_files.TOLD})"
      + (f" in {config}" if config else ""),
      "name another configuration, or convert what it has",
    )
  return wanted


def _listed(repo: str, revision: str | None, place: str) -> list[str]:
  try:
    return sorted(
      huggingface_hub.HfApi().list_repo_files(
        repo, repo_type="dataset", revision=revision
      )
    )
  except (OSError, errors.HfHubHTTPError) as error:
    cached = _cached(repo, revision)
    if cached is not None:
      return cached
    raise faults.Fault(
      place,
      f"the hub cannot be asked for it ({type(error).__name__})",
      _OFFLINE,
    ) from error


def _cached(repo: str, revision: str | None) -> list[str] | None:
  """The files that were downloaded before; None where none was."""
  try:
    folder = pathlib.Path(
      huggingface_hub.snapshot_download(
        repo, repo_type="dataset", revision=revision, local_files_only=True
      )
    )
  except (OSError, errors.HfHubHTTPError, ValueError):
    return None
  paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
  return [path.relative_to(folder).as_posix() for path in paths] or None


def _downloaded(repo, path, revision, place) -> pathlib.Path:
  try:
    return pathlib.Path(
      huggingface_hub.hf_hub_download(
        repo, path.as_posix(), repo_type="dataset", revision=revision
      )
    )
  except (OSError, errors.HfHubHTTPError) as error:
    raise faults.Fault(
      place,
      f"{path} cannot be had from the hub ({type(error).__name__})",
      _OFFLINE,
    ) from error
