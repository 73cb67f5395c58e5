"""An exported folder to the Hugging Face hub."""

import dataclasses
import pathlib

import huggingface_hub
import huggingface_hub.errors
import huggingface_hub.utils

from hybridret_jax.assembly import places
from hybridret_jax.ground import faults


@dataclasses.dataclass(frozen=True)
class Upload:
  """What is uploaded, and where to.

  Attributes:
    folder: an export.
    repo_id: OWNER/NAME of the hub.
    sizes: bytes of each file, by its path in the folder.
    url: of the commit; "" while nothing was uploaded.
  """

  folder: pathlib.Path
  repo_id: str
  sizes: dict[str, int]
  url: str = ""

  def told(self) -> str:
    """A line a file, with its size."""
    lines = [
      f"{size / 1e6:10.1f} MB  {name}" for name, size in self.sizes.items()
    ]
    total = sum(self.sizes.values()) / 1e6
    return "\n".join([*lines, f"{total:10.1f} MB  to {self.repo_id}"])


def check_name(repo_id: str) -> None:
  """Raises a Fault where a name is no OWNER/NAME of the hub's."""
  try:
    huggingface_hub.utils.validate_repo_id(repo_id)
  except huggingface_hub.errors.HFValidationError as error:
    raise faults.Fault(
      f"push {repo_id!r}", str(error).splitlines()[0], "give USER/NAME"
    ) from error
  if repo_id.count("/") != 1:
    raise faults.Fault(f"push {repo_id!r}", "names no owner", "give USER/NAME")


def prepared(folder: pathlib.Path, repo_id: str) -> Upload:
  """What would be uploaded of an export: the files that its mark names.

  Raises:
    Fault: the folder is no export, a file is missing or not its own, or the
      name is none of the hub's.
  """
  check_name(repo_id)
  marked = places.marked(folder)
  if marked is None:
    raise faults.Fault(
      folder, f"has no {places.MARK}, so it is no export", "export first"
    )
  named = {*marked.get("files", ()), places.MARK}
  there = {
    path.relative_to(folder).as_posix(): path
    for path in sorted(folder.rglob("*"))
    if path.is_file()
  }
  for what, names in (
    ("lacks", named - there.keys()),
    ("holds what no export wrote:", there.keys() - named),
  ):
    if names:
      raise faults.Fault(
        folder, f"{what} {', '.join(sorted(names)[:3])}", "export again"
      )
  return Upload(
    folder, repo_id, {name: path.stat().st_size for name, path in there.items()}
  )


def upload(wanted: Upload, *, private: bool = True) -> Upload:
  """Makes the repository where there is none, and uploads in one commit.

  The token is the hub's own: HF_TOKEN, or what `hf auth login` kept.

  Raises:
    Fault: the hub refuses, or cannot be reached.
  """
  api = huggingface_hub.HfApi(library_name="hybridret_jax")
  try:
    api.create_repo(wanted.repo_id, private=private, exist_ok=True)
    done = api.upload_folder(
      repo_id=wanted.repo_id,
      folder_path=wanted.folder,
      allow_patterns=list(wanted.sizes),
      commit_message="Upload an export of hybridret_jax",
    )
  except (OSError, huggingface_hub.errors.HfHubHTTPError) as error:
    status = getattr(getattr(error, "response", None), "status_code", None)
    why = f"status {status}" if status else type(error).__name__
    raise faults.Fault(
      f"push {wanted.repo_id}",
      f"the hub did not take it ({why})",
      "look for the name's owner, a token that may write (hf auth login), and"
      " the network; what was exported stays as it is",
    ) from error
  return dataclasses.replace(wanted, url=done.commit_url)
