"""The launch scripts parse, refuse what cannot work, and reuse .venv.

Each test runs the scripts in a copy of the repository's ground, with a PATH
whose `python3` is a small script, so nothing is installed. Dry runs print what
tests/fixtures/launch holds, with a PATH that has no cloud's program on it.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FIXTURES = ROOT / "tests" / "fixtures" / "launch"
SCRIPTS = ("quickstart.sh", "test.sh")
LAUNCHERS = ("local_processes", "tpu_vm", "gke_xpk", "slurm")
TOOLS = ("bash", "cat", "cksum", "dirname", "head", "mkdir", "mv", "paste")
TOOLS += ("printf", "rm", "sed", "sort", "tail", "tr", "cp", "chmod")
TOOLS += ("basename", "date", "grep", "hostname", "seq", "setsid", "sleep")
TOOLS += ("xargs",)

# Python as far as the scripts use it; what it is asked for goes to calls.txt.
PYTHON = """#!/bin/bash
case "$1" in
  -c) exec {real} -c "import sys; sys.version_info = {parts}; $2" ;;
  --version) echo "Python {version}" ;;
  -m)
    echo "${{*:2}}" >>calls.txt
    [[ "$2" != "$FAILING" ]] || exit 1
    if [[ "$2" == venv ]]; then
      mkdir -p .venv/bin
      cp "$(dirname "$0")/python3" .venv/bin/python
    fi ;;
esac
"""


@pytest.fixture
def tools(tmp_path):
  """A folder with the few programs that every machine has."""
  folder = tmp_path / "bin"
  folder.mkdir()
  for name in TOOLS:
    (folder / name).symlink_to(shutil.which(name))
  return folder


@pytest.fixture
def machine(tmp_path, tools):
  """A function that runs a script on a machine with a certain Python."""
  root = tmp_path / "clone"
  shutil.copytree(ROOT / "launch", root / "launch")
  for name in ("setup.py", "constraints.txt"):
    shutil.copy(ROOT / name, root / name)

  def run(script, *arguments, version="3.11.7", failing=""):
    python = tools / "python3"
    parts = tuple(map(int, version.split(".")))
    python.write_text(
      PYTHON.format(real=sys.executable, version=version, parts=parts)
    )
    python.chmod(0o755)
    (root / "calls.txt").write_text("")
    done = subprocess.run(
      [shutil.which("bash"), root / "launch" / script, *arguments],
      cwd=tmp_path,
      env={"PATH": str(tools), "FAILING": failing},
      stdin=subprocess.DEVNULL,
      capture_output=True,
      text=True,
      check=False,
    )
    return done, (root / "calls.txt").read_text().splitlines()

  run.root = root
  return run


def scripts():
  return [*sorted((ROOT / "launch").glob("*.sh")), ROOT / ".ci" / "run"]


def test_the_scripts_parse():
  for path in scripts():
    subprocess.run(["bash", "-n", path], check=True)


def test_shellcheck_finds_nothing():
  shellcheck = pathlib.Path(sys.executable).with_name("shellcheck")
  if not shellcheck.exists():
    pytest.skip("shellcheck is not installed; it is in the extra `lint`")
  subprocess.run([shellcheck, "-x", *scripts()], cwd=ROOT, check=True)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("version", ["3.10.12", "3.14.0"])
def test_another_python_is_refused(machine, script, version):
  done, calls = machine(script, version=version)
  assert done.returncode == 1
  assert "no Python 3.11, 3.12 or 3.13 on the PATH" in done.stderr
  assert f"(python3 is: Python {version})" in done.stderr
  assert calls == []
  assert not (machine.root / ".venv").exists()


@pytest.mark.parametrize("version", ["3.11.0", "3.13.9"])
def test_a_fresh_machine_installs_and_then_runs(machine, version):
  done, calls = machine(
    "quickstart.sh", "--config.train.steps=2", version=version
  )
  assert done.returncode == 0, done.stderr
  venv, install, run = calls
  assert venv == "venv .venv"
  assert install.startswith("pip install")
  assert install.endswith("-c constraints.txt -e .")
  assert run == (
    "hybridret_jax.main --config=configs/quickstart.py"
    " --workdir=runs/quickstart --config.train.steps=2"
  )


def test_the_tests_get_their_extra_and_arguments(machine):
  done, calls = machine("test.sh", "-k", "name")
  assert done.returncode == 0, done.stderr
  assert calls[1].endswith("-e .[test]")
  assert calls[2] == "pytest -n 2 --dist loadfile -k name"


def test_a_second_run_installs_nothing(machine):
  machine("test.sh")
  for script in ("test.sh", "quickstart.sh"):
    done, calls = machine(script)
    assert done.returncode == 0, done.stderr
    assert len(calls) == 1 and "pip" not in calls[0]


def test_an_extra_is_added_to_what_there_is(machine):
  machine("quickstart.sh")
  _, calls = machine("test.sh")
  assert [call.split()[0] for call in calls] == ["pip", "pytest"]


@pytest.mark.parametrize("name", ["setup.py", "constraints.txt"])
def test_other_versions_install_again_with_all_extras(machine, name):
  machine("test.sh")
  path = machine.root / name
  path.write_text(path.read_text() + "# changed\n")
  _, calls = machine("quickstart.sh")
  assert [call.split()[0] for call in calls] == ["pip", "hybridret_jax.main"]
  assert calls[0].endswith("-e .[test]")


def test_a_failed_installation_stops_and_is_tried_again(machine):
  done, calls = machine("test.sh", failing="pip")
  assert done.returncode != 0
  assert "pytest" not in calls
  _, calls = machine("test.sh")
  assert [call.split()[0] for call in calls] == ["pip", "pytest"]


def test_without_the_venv_module_the_package_is_named(machine):
  done, calls = machine("test.sh", failing="venv")
  assert done.returncode == 1
  assert "python3-venv" in done.stderr
  assert calls == ["venv .venv"]


def test_a_venv_of_another_python_is_named(machine):
  machine("test.sh")
  broken = machine.root / ".venv" / "bin" / "python"
  broken.write_text("#!/no/such/python\n")
  done, calls = machine("test.sh")
  assert done.returncode == 1
  assert "remove the folder .venv" in done.stderr
  assert calls == []


def test_the_status_of_the_run_is_passed_on(machine):
  done, _ = machine("test.sh", failing="pytest")
  assert done.returncode == 1


def test_every_requirement_has_its_tested_version():
  def key(name):
    return re.sub(r"[-_.]+", "-", name).lower()

  lines = (ROOT / "constraints.txt").read_text().splitlines()
  pins = [line for line in lines if not line.startswith("#")]
  form = r'[\w.-]+==[\w.]+(; python_version (<|>=) "3\.\d+")?'
  assert all(re.fullmatch(form, pin) for pin in pins)
  pinned = {key(pin.split("==")[0]) for pin in pins}
  needed = re.findall(
    r'"([A-Za-z][\w-]*)(?:\[\w+\])?>=', (ROOT / "setup.py").read_text()
  )
  assert len(needed) > 20
  assert {key(name) for name in needed} <= pinned


def test_the_scripts_are_executable():
  sourced = ("environment.sh", "commands.sh")
  for path in scripts():
    assert os.access(path, os.X_OK) == (path.name not in sourced), path


def written(name):
  """(command, what it prints) of a fixture: "$ command", then its lines."""
  text = "\n" + (FIXTURES / f"{name}.txt").read_text("utf-8")
  for case in text.split("\n$ ")[1:]:
    command, _, printed = case.partition("\n")
    yield command, printed.rstrip("\n")


def shell(command, tools):
  return subprocess.run(
    [tools / "bash", "-c", command],
    cwd=ROOT,
    env={"PATH": str(tools)},
    stdin=subprocess.DEVNULL,
    capture_output=True,
    text=True,
    check=False,
  )


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_dry_run_prints_what_would_run(launcher, tools):
  for command, printed in written(launcher):
    done = shell(command, tools)
    assert (done.returncode, done.stderr) == (0, ""), command
    assert done.stdout.rstrip("\n") == printed, command


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_every_command_of_a_launcher_has_a_dry_run(launcher, tools):
  done = shell(f"bash launch/{launcher}.sh --help", tools)
  assert done.returncode == 0 and done.stdout.startswith("Trains ")
  verbs = set(re.findall(r"^  (\w+)(?: [A-Z]+)?  +\S", done.stdout, re.M))
  verbs = {verb for verb in verbs if verb.islower()}
  assert launcher == "local_processes" or {"run", "resume", "logs"} <= verbs
  commands = [command for command, _ in written(launcher)]
  for verb in verbs:
    assert any(f"{launcher}.sh {verb} " in c for c in commands), verb
  # What a setting is overridden by is named, and is read.
  text = (ROOT / "launch" / f"{launcher}.sh").read_text("utf-8")
  for setting in re.findall(r"^  ([A-Z]+)  +\S", done.stdout, re.M):
    assert f"${{{setting}:-" in text, setting


def test_a_printed_command_is_what_a_shell_takes(tools):
  """Quoted twice for the worker, a flag arrives there as it was given."""
  flags = ["--workdir=bucket/a b", "--config.x=('it', \"is\", '$HOME')"]
  given = shlex.join(flags)
  done = shell(
    f"BUCKET=b bash launch/tpu_vm.sh run --dry_run -- {given}", tools
  )
  command = [
    word.removeprefix("--command=")
    for word in shlex.split(done.stdout)
    if word.startswith("--command=")
  ]
  on_the_worker = shlex.split(command[0])
  assert on_the_worker[1:4] == [
    "hybridret_jax/launch/tpu_worker.sh",
    "run",
    "b",
  ]
  assert on_the_worker[4:] == [*flags, "--config.cache=bucket/cache"]


def test_the_commands_of_the_docs_run_dry(tools, tmp_path):
  text = (ROOT / "docs" / "running.md").read_text("utf-8")
  blocks = re.findall(r"```bash\n(.*?)```", text, re.S)
  blocks = [block for block in blocks if "launch/" in block]
  assert {f"{name}.sh" for name in LAUNCHERS} <= {
    name for block in blocks for name in re.findall(r"launch/(\S+)", block)
  }
  lines = re.search(r"```\n(--config=.*?)```", text, re.S)
  assert lines
  flags = tmp_path / "seeds.flags"
  flags.write_text(lines[1])
  for block in blocks:
    dry = re.sub(r"(launch/\S+)", r"\1 --dry_run", block)
    # A later block goes on with the settings of an earlier one.
    dry = "set -e; export BUCKET=b;" + dry.replace("seeds.flags", str(flags))
    done = shell(dry, tools)
    assert (done.returncode, done.stderr) == (0, ""), block
    assert done.stdout


def test_what_cannot_work_is_refused_with_the_mend(tools):
  for command, printed in written("refusals"):
    done = shell(command, tools)
    assert (done.returncode, done.stdout) == (2, ""), command
    assert done.stderr.rstrip("\n") == printed, command


def test_runs_of_an_array_have_folders_of_their_own(tools, tmp_path):
  flags = tmp_path / "flags"
  for text, problem in (
    ("--workdir=a\n--workdir=b --mode=train\n--workdir=a", ":3: a is another"),
    ("--workdir=a\n\n", ":2 has no --workdir=FOLDER"),
    ("", " is empty"),
  ):
    flags.write_text(text)
    done = shell(f"bash launch/slurm.sh array {flags} --dry_run", tools)
    assert done.returncode == 2
    assert f"{flags}{problem}" in done.stderr
