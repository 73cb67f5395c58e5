"""A small parallel corpus of questions and answers from Unicode CLDR names.

Babel carries CLDR's names of countries, languages, scripts, currencies, cities
and units in 11 languages. Templates in each language turn them into questions
and answer passages. Names are the same in training, validation and test, since
a name that was never seen cannot be learnt; what is held out is the forms of
the questions.
"""

import functools
import hashlib
import importlib.metadata
import json
import logging
import pathlib

from hybridret_jax.data.corpora import cldr_items
from hybridret_jax.ground import writing

LANGUAGES = cldr_items.LANGUAGES

_HERE = pathlib.Path(__file__).parent
_LOG = logging.getLogger(__name__)
_STAMP = "stamp.json"
_SIZES = "sizes.json"
_VALIDATION_ITEMS = 200


def write(folder, *, seed=0):
  """Writes `pairs/<language>.jsonl`, `validation/` and `test/` into `folder`.

  `pairs` has one group for each (item, form of the question), whose block is
  the item. `validation` and `test` are retrieval tasks (`queries.jsonl`,
  `candidates.jsonl`, `qrels.tsv`) in all languages with forms of their own:
  `test` asks once about every item, `validation` about 200 of them. `seed`
  decides which item gets which of several forms. The same arguments and the
  same version of Babel write the same bytes; a folder that is complete is left
  as it is, one that was damaged is written again, and that is said. Raises
  FileExistsError where `folder` holds something else.
  """
  folder = pathlib.Path(folder)
  stamp = _stamp(seed)
  if folder.exists():
    found = _read_stamp(folder)
    if found == stamp:
      if _sizes(folder) == _read_stamp(folder, _SIZES):
        return
      _LOG.warning("%s: damaged; it is written again.", folder)
    if any(folder.iterdir()) and not (folder / _STAMP).exists():
      raise FileExistsError(
        f"{folder} holds files that are not of this corpus; name another "
        "folder or empty it"
      )
  try:
    with writing.replacing_folder(folder) as aside:
      _write_all(aside, seed=seed)
      (aside / _STAMP).write_text(json.dumps(stamp) + "\n")
      (aside / _SIZES).write_text(json.dumps(_sizes(aside)) + "\n")
  except OSError:
    if _read_stamp(folder) != stamp:  # Another process was faster.
      raise


def _stamp(seed):
  """What the content depends on: this code, the templates, Babel, the seed."""
  sources = [_HERE / "cldr.py", _HERE / "cldr_items.py"]
  sources += [_template_file(language) for language in LANGUAGES]
  digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources))
  return {
    "corpus": "cldr",
    "generator": digest.hexdigest(),
    "babel": importlib.metadata.version("babel"),
    "seed": seed,
  }


def _sizes(folder):
  """Bytes of each file that is read."""
  return {
    path.relative_to(folder).as_posix(): path.stat().st_size
    for path in sorted(folder.glob("*/*"))
  }


def _read_stamp(folder, name=_STAMP):
  try:
    return json.loads((folder / name).read_text("utf-8"))
  except (FileNotFoundError, ValueError):
    return None


def _write_all(folder, *, seed):
  items = cldr_items.items()
  chosen = sorted(items, key=lambda item: _hash(seed, "chosen", item.block))
  chosen = {item.block for item in chosen[:_VALIDATION_ITEMS]}
  asked = [item for item in items if item.block in chosen]
  (folder / "pairs").mkdir()
  for language in LANGUAGES:
    records = [
      _pair(item, language, number, form, seed=seed)
      for item in items
      for number, form in enumerate(_forms(language, item.kind, "train"))
    ]
    _write_lines(folder / "pairs" / f"{language}.jsonl", records)
  _write_task(folder / "validation", asked, "validation", seed=seed)
  _write_task(folder / "test", items, "test", seed=seed)


def _pair(item, language, number, form, *, seed):
  group = f"{item.block}:{number}"
  return {
    "id": f"{group}:{language}",
    "group": group,
    "lang": language,
    "query": _question(item, language, form),
    "passage": _passage(item, language, seed=seed),
    "source": "cldr",
    "block": item.block,
  }


def _write_task(folder, items, split, *, seed):
  """One question in each language about each item, answered in every one."""
  folder.mkdir()
  queries, candidates, qrels = [], [], []
  for language in LANGUAGES:
    for item in items:
      forms = _forms(language, item.kind, split)
      form = forms[_hash(seed, split, item.block) % len(forms)]
      queries.append(
        {
          "id": f"q:{item.block}:{language}",
          "lang": language,
          "text": _question(item, language, form),
          "group": item.block,
          "cluster": item.block,
        }
      )
      candidates.append(
        {
          "id": f"c:{item.block}:{language}",
          "lang": language,
          "text": _passage(item, language, seed=seed),
          "group": item.block,
        }
      )
      qrels += [
        f"q:{item.block}:{language}\tc:{item.block}:{other}\t1"
        for other in LANGUAGES
      ]
  _write_lines(folder / "queries.jsonl", queries)
  _write_lines(folder / "candidates.jsonl", candidates)
  (folder / "qrels.tsv").write_text("\n".join(qrels) + "\n", encoding="utf-8")


def _write_lines(path, records):
  lines = [json.dumps(record, ensure_ascii=False) for record in records]
  path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _template_file(language):
  return _HERE / "cldr_templates" / f"{language}.json"


@functools.cache
def _templates(language):
  return json.loads(_template_file(language).read_text(encoding="utf-8"))


def _forms(language, kind, split):
  """Forms of a question: those of the kind, then those of any kind."""
  templates = _templates(language)
  return templates[kind][split] + [
    form.replace("{about}", templates["about"][kind])
    for form in templates["general"].get(split, ())
  ]


def _question(item, language, form):
  return _sentence(form.format(**item.fields[language]), language)


def _passage(item, language, *, seed):
  """The item's entry, in one of the kind's forms, the same in all languages."""
  templates = _templates(language)
  forms = templates[item.kind]["passage"]
  fields = dict(item.fields[language])
  if "quantity" in fields:
    fields["quantity"] = templates["quantity"][fields["quantity"]]
  form = forms[_hash(seed, "passage", item.block) % len(forms)]
  return _sentence(form.format(**fields), language)


def _sentence(text, language):
  """The text with a capital at its start and plain, single spaces."""
  text = " ".join(text.split())
  # Python's upper() knows no Turkish dotted capital.
  first = "İ" if language == "tr" and text[0] == "i" else text[0].upper()
  return first + text[1:]


def _hash(seed, *words):
  text = "\t".join([str(seed), *words])
  return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
