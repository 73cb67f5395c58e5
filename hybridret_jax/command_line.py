"""The verbs of the command line: what each takes, needs, and is for."""

import dataclasses
import re
import textwrap
from collections.abc import Mapping, Sequence

from hybridret_jax import shipped
from hybridret_jax.ground import fields

RUN = "run"  # Without a verb.
NEEDED, MAY, NONE = "needed", "may", "none"
_FLAG = re.compile(r"--?([A-Za-z_]\w*)((?:\.[\w.]+)?)(=.*)?", re.DOTALL)
_WIDTH = 79


@dataclasses.dataclass(frozen=True)
class Verb:
  """A verb of the command line.

  Attributes:
    about: what it does, for the help.
    flags: its own, besides --config, --workdir and --dry_run.
    needs: those of them that have to be given.
    config: whether --config is needed, may be given, or is none of its own.
    workdir: likewise.
    argument: what the one word behind the flags is; "" for no word.
  """

  about: str
  flags: tuple[str, ...] = ()
  needs: tuple[str, ...] = ()
  config: str = NEEDED
  workdir: str = NEEDED
  argument: str = ""


VERBS = {
  RUN: Verb(
    "train, evaluate and export in turn; what is done without a verb",
    ("time_limit",),
  ),
  "train": Verb(
    "train to train.steps, or go on from the newest checkpoint",
    ("time_limit",),
  ),
  "evaluate": Verb(
    "judge a run, a model or given vectors on every task of the config",
    ("vectors", "normalize"),
    config=MAY,
  ),
  "export": Verb(
    "write the best checkpoint as a Hugging Face folder, once it agrees",
    ("push",),
    config=MAY,
  ),
  "search": Verb(
    "answer a query over the candidates of the first evaluation task",
    config=MAY,
    argument="QUERY",
  ),
  "encode": Verb(
    "encode a corpus into a store of vectors, and indexes of it",
    ("model", "corpus", "index", "side", "dtype"),
    needs=("model", "corpus"),
    config=NONE,
  ),
  "trim": Verb(
    "cut a model's vocabulary to what a corpus uses",
    ("model", "corpus", "languages"),
    needs=("model", "corpus"),
    config=NONE,
  ),
  "convert": Verb(
    "make safetensors of a model folder that has only a pickle",
    ("model",),
    needs=("model",),
    config=NONE,
  ),
  "audit": Verb(
    "compose a run's batches again, and compare them with what it logged",
    ("steps",),
    config=MAY,
  ),
  "inspect": Verb(
    "say what would be trained on: lengths, copies, pairs, batches, examples",
  ),
  "replay": Verb(
    "make a step whose loss or gradient was no number again, on one device",
    ("bundle",),
    config=MAY,
  ),
  "mine": Verb(
    "write the sources with hard negatives, mined by any model",
    ("model", "vectors", "normalize"),
  ),
  "report": Verb(
    "make the page, tables and tests of several runs",
    ("runs", "baseline"),
    needs=("runs",),
    config=NONE,
  ),
  "verify": Verb(
    "check that a run, an export or a store is what was written, by digests",
    config=NONE,
  ),
  "plan": Verb(
    "compile the train step for a TPU slice that is not here: does it fit?",
    ("topology", "search", "mean_tokens", "shortest_text", "utilisation"),
    needs=("topology",),
    workdir=MAY,
  ),
  "study": Verb(
    "run the cells of a study's config, and report on them",
    ("cell", "shard", "report_only", "join"),
  ),
}
_OF_ALL = ("config", "workdir", "dry_run", "mode")
ALL_FLAGS = (
  *_OF_ALL,
  *dict.fromkeys(f for v in VERBS.values() for f in v.flags),
)


class Usage(ValueError):
  """A command line that says what cannot be done."""


def rewritten(words: Sequence[str]) -> list[str]:
  """The words behind the program's name, as flags.

  A verb as the first word becomes --mode, and the name of a shipped config the
  path of its file.

  Raises:
    Usage: the first word is neither flag nor verb, or contradicts --mode; or
      a setting is given and no config.
    Fault: --config names neither a file nor a shipped config.
  """
  words = list(words)
  verb = None
  # With --mode=search the query may stand first.
  by_flag = any(x.lstrip("-").partition("=")[0] == "mode" for x in words)
  is_word = bool(words) and not words[0].startswith("-")
  if is_word and (words[0] in VERBS or not by_flag):
    verb = words.pop(0)
    if verb not in VERBS:
      near = fields.suggestion(verb, VERBS)
      raise Usage(f"{verb!r} is no verb{near}; there are {', '.join(VERBS)}")
  found, take, has_config, setting = [], False, False, ""
  for number, word in enumerate(words):
    if word == "--":
      found += words[number:]
      break
    flag = _FLAG.fullmatch(word)
    if flag and flag[1] == "config":
      has_config |= not flag[2]
      setting = setting or (flag[2] and word.partition("=")[0]) or ""
    if take:
      word, take = shipped.find(word), False
    elif flag and not flag[2] and flag[1] == "config":
      if flag[3] is None:
        take = True
      elif flag[3] != "=":
        word = f"--config={shipped.find(flag[3][1:])}"
    elif flag and flag[1] == "mode" and verb is not None:
      raise Usage(
        f"{verb} and {word} both say what to do; leave one of them out"
      )
    found.append(word)
  if setting and not has_config:
    raise Usage(
      f"{setting}: it changes a setting of --config, which is missing; give"
      " --config=NAME (of a run, the one that it was trained with), or leave"
      " the setting out"
    )
  if verb and verb != RUN:
    found.insert(0, f"--mode={verb}")
  return found


def check(
  verb: str, given: Mapping[str, object], arguments: Sequence[str]
) -> None:
  """Raises a Usage where flags and words do not go with a verb.

  Args:
    verb: one of `VERBS`.
    given: values of the flags that were given, by name.
    arguments: words behind the flags.
  """
  known = VERBS[verb]
  now = "a run (no verb)" if verb == RUN else verb
  foreign = [f for f in given if f not in _OF_ALL and f not in known.flags]
  if foreign:
    where = {
      flag: " and ".join(n for n, v in VERBS.items() if flag in v.flags)
      for flag in foreign
    }
    told = ", ".join(f"--{flag} (of {where[flag]})" for flag in foreign)
    raise Usage(
      f"{told}: {now} does not use it; leave it out, or change the verb"
    )
  for name, rule in (("config", known.config), ("workdir", known.workdir)):
    if rule == NONE and name in given:
      raise Usage(f"--{name}: {now} reads none; leave it out")
    if rule == NEEDED and not given.get(name):
      empty = "is empty" if name in given else "is missing"
      raise Usage(f"--{name} {empty}; give {_WANTED[name]}")
  for name in known.needs:
    if not given.get(name):
      raise Usage(f"--{name} is missing; give {_WANTED[name]}")
  if "://" in str(given.get("workdir", "")):
    raise Usage(
      f"--workdir={given['workdir']}: only folders are written; mount the"
      " bucket and give its folder (docs/running.md)"
    )
  if known.argument and len(arguments) != 1:
    raise Usage(f'{verb} takes one word: {verb} "{known.argument}"')
  if arguments and not known.argument:
    raise Usage(f"unexpected argument {arguments[0]!r}: write --flag=value")


def flag_problem(error: BaseException, words: Sequence[str]) -> str:
  """What is wrong with --config or a flag that names a setting of it."""
  said = str(error.args[0] if error.args else error)
  wrong = _unknown_setting(error, words)
  if wrong:
    return wrong
  if isinstance(error, AttributeError):
    return said
  if not isinstance(error, KeyError):
    return f"--config: {type(error).__name__}: {said}"
  return f"--config: {said}"


def _unknown_setting(error: BaseException, words: Sequence[str]) -> str:
  """What to say where a flag names no setting of the config; "" otherwise."""
  if not isinstance(error, KeyError | AttributeError):
    return ""
  place = next(
    (x.partition("=")[2] for x in words if x.startswith("--config=")), None
  )
  try:
    config = shipped.get_config(place or "")
  except Exception:  # What is wrong with the file is told by what it raised.
    return ""
  for argument in words:
    name = argument.partition("=")[0].removeprefix("--config.")
    if argument.startswith("--config.") and not shipped.has(config, name):
      return f"--config.{shipped.unknown(name, config)}"
  return ""


_WANTED = {
  "config": "the name of a shipped config, or a file",
  "workdir": "the folder of the run",
  "topology": "one such as v5e:4x4",
  "runs": "the folders of runs",
  "model": "a run, a model's folder, or a hub id",
  "corpus": "a .jsonl, a .parquet, or BEIR's folder",
}


def help_text(meanings: Mapping[str, str], program: str) -> str:
  """What --help prints.

  Args:
    meanings: of every flag, by name.
    program: as it was called.
  """
  lines = [
    "Trains and judges multilingual dense retrievers in JAX.",
    "",
    f"  {program} --config=NAME --workdir=FOLDER [--config.SETTING=VALUE …]",
    f"  {program} VERB …",
    "",
    "Verbs (--mode=VERB is the same):",
  ]
  for name, verb in VERBS.items():
    lines += _entry(name, verb.about)
    for flag in verb.flags:
      mark = " (needed)" if flag in verb.needs else ""
      lines += _entry(f"  --{flag}", meanings[flag] + mark)
  lines += ["", "Flags of every verb:"]
  for flag in ("config", "workdir", "dry_run"):
    lines += _entry(f"--{flag}", meanings[flag])
  lines += ["", "Shipped configs (or give a file of your own):"]
  for name in shipped.names():
    lines += _entry(name, shipped.about(name))
  lines += [
    "",
    f"{program} settings lists every --config.SETTING with its meaning.",
  ]
  return "\n".join(lines)


def _entry(name: str, text: str) -> list[str]:
  head = f"  {name}"
  wrapped = textwrap.wrap(text, _WIDTH - 26)
  first = f"{head:<26}{wrapped[0]}" if len(head) < 25 else head
  rest = wrapped[1:] if len(head) < 25 else wrapped
  return [first, *(f"{'':26}{line}" for line in rest)]
