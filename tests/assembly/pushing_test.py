"""An export goes to a hub whole, in one commit; its token goes nowhere else."""

import base64
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest

from hybridret_jax.assembly import places, pushing
from hybridret_jax.ground import faults

TOKEN = "hf_" + "secret" * 5


@pytest.fixture
def export(tmp_path):
  folder = tmp_path / "export"
  (folder / "1_Pooling").mkdir(parents=True)
  (folder / "README.md").write_text("---\nlanguage: de\n---\n# Card\n")
  (folder / "config.json").write_text("{}")
  (folder / "1_Pooling" / "config.json").write_text('{"a": 1}')
  places.mark(folder, step=3)
  return folder


def test_a_dry_run_lists_every_file_with_its_size(export):
  wanted = pushing.prepared(export, "me/model")
  assert wanted.sizes["1_Pooling/config.json"] == 8 and not wanted.url
  assert len(wanted.sizes) == 4
  assert "to me/model" in wanted.told() and "README.md" in wanted.told()


@pytest.mark.parametrize("name", ["model", "me/my model", "a/b/c", "/x", "me/"])
def test_what_is_no_name_is_refused(export, name):
  with pytest.raises(faults.Fault, match="give USER/NAME"):
    pushing.prepared(export, name)


def test_what_is_no_whole_export_is_refused(export, tmp_path):
  with pytest.raises(faults.Fault, match="it is no export"):
    pushing.prepared(tmp_path, "me/model")
  (export / "notes.txt").touch()
  with pytest.raises(faults.Fault, match="no export wrote: notes.txt"):
    pushing.prepared(export, "me/model")
  (export / "notes.txt").unlink()
  (export / "config.json").unlink()
  with pytest.raises(faults.Fault, match="lacks config.json"):
    pushing.prepared(export, "me/model")


class Hub(http.server.BaseHTTPRequestHandler):
  """As much of the hub as an upload of small files asks of it."""

  status = 200
  seen: dict[str, list] = {}

  def do_GET(self):
    self._answer({"sha": "1", "id": "me/model", "siblings": []})

  def do_POST(self):
    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
    self.seen.setdefault(self.path, []).append(body)
    self.seen.setdefault("tokens", []).append(self.headers["Authorization"])
    host = f"http://{self.headers['Host']}"
    if self.path.endswith("/repos/create"):
      self._answer({"url": f"{host}/me/model", "name": "me/model"})
    elif "/preupload/" in self.path:
      files = json.loads(body)["files"]
      kinds = [
        {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
        for f in files
      ]
      self._answer({"files": kinds})
    elif "/commit/" in self.path:
      self._answer({"commitUrl": f"{host}/me/model/commit/1", "commitOid": "1"})
    else:
      self._answer({})

  def _answer(self, found):
    data = json.dumps(found).encode()
    self.send_response(self.status)
    self.send_header("Content-Type", "application/json")
    self.send_header("Content-Length", str(len(data)))
    self.end_headers()
    self.wfile.write(data)

  def log_message(self, *_):
    pass


@pytest.fixture
def hub():
  Hub.status, Hub.seen = 200, {}
  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
  threading.Thread(target=server.serve_forever, daemon=True).start()
  yield f"http://127.0.0.1:{server.server_port}"
  server.shutdown()


def push(export, hub):
  script = (
    "import sys, hybridret_jax;"
    "print(hybridret_jax.push(sys.argv[1], 'me/model').url)"
  )
  environment = {
    **os.environ,
    "HF_ENDPOINT": hub,
    "HF_TOKEN": TOKEN,
    "HF_HUB_OFFLINE": "0",
    "HF_HUB_DISABLE_XET": "1",
    "JAX_PLATFORMS": "cpu",
  }
  return subprocess.run(
    [sys.executable, "-c", script, str(export)],
    capture_output=True,
    text=True,
    env=environment,
    cwd=pathlib.Path(__file__).parents[2],
  )


def test_every_file_is_in_one_commit(export, hub):
  done = push(export, hub)
  assert done.returncode == 0, done.stderr[-2000:]
  assert done.stdout.strip() == f"{hub}/me/model/commit/1"
  (commit,) = [v for k, v in Hub.seen.items() if "/commit/" in k]
  lines = [json.loads(line) for line in commit[0].splitlines()]
  sent = {
    line["value"]["path"]: base64.b64decode(line["value"]["content"])
    for line in lines
    if line["key"] == "file"
  }
  assert sent == {
    path.relative_to(export).as_posix(): path.read_bytes()
    for path in export.rglob("*")
    if path.is_file()
  }
  (made,) = Hub.seen["/api/repos/create"]
  assert json.loads(made)["visibility"] == "private"
  assert set(Hub.seen["tokens"]) == {f"Bearer {TOKEN}"}


def test_a_refusal_is_a_line_without_the_token(export, hub):
  Hub.status = 403
  done = push(export, hub)
  assert done.returncode == 1
  assert "the hub did not take it (status 403)" in done.stderr
  assert TOKEN not in done.stdout + done.stderr
