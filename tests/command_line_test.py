"""Flags belong to verbs; a verb may come first; a config has a name."""

import subprocess
import sys

import pytest

from hybridret_jax import command_line, shipped
from hybridret_jax.ground import faults

VALUES = {
  "config": "c.py",
  "workdir": "w",
  "topology": "cpu:1",
  "runs": ["a"],
  "model": "m",
  "corpus": "c.jsonl",
}
FREE = ("mode", "dry_run")


def given(verb):
  """What a verb needs, and no more."""
  known = command_line.VERBS[verb]
  names = list(known.needs)
  names += ["config"] * (known.config == command_line.NEEDED)
  names += ["workdir"] * (known.workdir == command_line.NEEDED)
  return {name: VALUES[name] for name in names}


def words(verb):
  return ["word"] if command_line.VERBS[verb].argument else []


def belongs(flag, verb):
  known = command_line.VERBS[verb]
  if flag in ("config", "workdir"):
    return getattr(known, flag) != command_line.NONE
  return flag in FREE or flag in known.flags


@pytest.mark.parametrize("verb", command_line.VERBS)
@pytest.mark.parametrize("flag", command_line.ALL_FLAGS)
def test_a_flag_goes_with_its_verbs_alone(flag, verb):
  flags = given(verb) | {flag: VALUES.get(flag, "value")}
  if belongs(flag, verb):
    command_line.check(verb, flags, words(verb))
    return
  with pytest.raises(command_line.Usage, match=rf"--{flag}\b.*leave it out"):
    command_line.check(verb, flags, words(verb))


@pytest.mark.parametrize("verb", command_line.VERBS)
def test_what_a_verb_needs_is_asked_for_by_name(verb):
  needed = given(verb)
  command_line.check(verb, needed, words(verb))
  for name in needed:
    less = {key: value for key, value in needed.items() if key != name}
    with pytest.raises(command_line.Usage, match=f"--{name} is missing; give"):
      command_line.check(verb, less, words(verb))
  more = ["one", "two"]
  with pytest.raises(command_line.Usage, match="takes one word|unexpected"):
    command_line.check(verb, needed, more)


def test_a_bucket_is_no_folder():
  flags = {"config": "c.py", "workdir": "gs://bucket/run"}
  with pytest.raises(command_line.Usage, match="only folders are written"):
    command_line.check("train", flags, [])


def test_a_verb_first_is_a_mode(tmp_path):
  rewritten = command_line.rewritten
  assert rewritten(["search", "--workdir=w", "query"]) == [
    "--mode=search",
    "--workdir=w",
    "query",
  ]
  assert rewritten(["run", "--workdir=w"]) == ["--workdir=w"]
  assert rewritten(["--mode=train"]) == ["--mode=train"]
  assert rewritten(["query", "--mode=search"]) == ["query", "--mode=search"]
  with pytest.raises(command_line.Usage, match="both say what to do"):
    rewritten(["train", "--mode=export"])
  with pytest.raises(command_line.Usage, match="'trian' is no verb.*'train'"):
    rewritten(["trian"])


@pytest.mark.parametrize(
  "name",
  ["quickstart", "quickstart.py", "configs/quickstart.py", "study/quickstart"],
)
def test_a_shipped_config_has_a_name_anywhere(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  wanted = f"--config={shipped.path(name)}"
  assert command_line.rewritten([f"--config={name}"]) == [wanted]
  assert command_line.rewritten(["--config", name])[1] == str(
    shipped.path(name)
  )


def test_a_file_comes_before_a_name(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "quickstart").touch()
  words = ["--config=quickstart", "--config.train.steps=2", "--", "--config=x"]
  assert command_line.rewritten(words) == words


def test_an_unknown_name_lists_those_there_are():
  with pytest.raises(
    faults.Fault, match=r"did you mean quickstart\?.*labse_hy"
  ):
    command_line.rewritten(["--config=quikstart"])


def run(*arguments):
  return subprocess.run(
    [sys.executable, "-m", "hybridret_jax.main", *arguments],
    capture_output=True,
    text=True,
  )


@pytest.mark.parametrize("arguments", [["--help"], [], ["train", "--help"]])
def test_help_lists_verbs_and_configs(arguments):
  done = run(*arguments)
  assert done.returncode == 0 and not done.stderr
  for name in (*command_line.VERBS, *shipped.names()):
    assert f"  {name}" in done.stdout


@pytest.mark.parametrize(
  ("arguments", "said"),
  [
    (["train", "--config=quickstart"], "--workdir is missing"),
    (["train", "--workdir=w"], "--config is missing"),
    (["--config=quickstart", "--workdir=w", "--moode=x"], "moode"),
    (
      ["--config=quickstart", "--workdir=w", "--config.train.stpes=3"],
      "--config.train.stpes: the config has no such setting; did you mean"
      " train.steps",
    ),
    (["train", "--config=quickstart", "--workdir=w", "--runs=a"], "of report"),
    (
      ["plan", "--config=quickstart", "--join=a", "--topology=cpu:1"],
      "of study",
    ),
    (["train", "--side=passage"], "--side (of encode): train does not use it"),
    (["train", "--nonormalize"], "--normalize (of evaluate and mine)"),
    (["search", "--workdir=w"], 'takes one word: search "QUERY"'),
    (["--config=nowhere.py", "--workdir=w"], "no config of this name"),
  ],
)
def test_a_wrong_line_is_told_in_one(arguments, said, tmp_path):
  done = run(*arguments)
  assert done.returncode == 1 and not done.stdout
  assert said in done.stderr
  assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
  "words",
  [
    ["evaluate", "--workdir=w", "--config.seed=3"],
    ["--mode=export", "--workdir=w", "--config.export.folder", "x"],
  ],
)
def test_a_setting_without_a_config_is_named(words):
  with pytest.raises(command_line.Usage, match=r"--config\.\w+.*is missing"):
    command_line.rewritten(words)
  for config in (["--config=quickstart"], ["--config", "quickstart"]):
    command_line.rewritten([*words, *config])
