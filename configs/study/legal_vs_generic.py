"""Does fine-tuning on legal texts change what batches of each kind teach?

  python -m hybridret_jax.main --mode=study --workdir=runs/legal_vs_generic \
      --config=configs/study/legal_vs_generic.py --config.run.data.folder=DATA
"""

import ml_collections

from hybridret_jax import shipped

me5_small_hybrid = shipped.module("me5_small_hybrid")
claims = shipped.module("study/claims")


BATCH_SIZE = 48
DTYPE = "bfloat16"  # Of products; a third faster on CPUs that have it.
# Chosen by tuning.py, on questions that no run is trained or reported on.
LEARNING_RATE = 1e-5
TEMPERATURE = 0.01

STRATEGIES = ("monolingual", "cross_lingual", "hybrid")
PARALLEL_LANGUAGES = ("ar", "de", "en", "es", "ru", "tr", "zh")
LEGAL = (
  *("cc-legalcode", "contributor-covenant", "mozilla-legal", "udhr"),
  "statutes",
)
GENERIC = (
  *("ms-curricula", "ntrex-ict", "flores-ict", "tico19-ict", "tatoeba-bitext"),
  *("tydiqa-goldp", "arcd", "cmrc2018", "iapp-wiki-qa-th"),
  *("opensource-guide", "bitcoin-faq", "gnome-help"),
)
# Parallel texts that people translated; a machine's (ms-curricula) are no match
# for them.
KINDS = (
  ("cc-legalcode", "heading"),
  ("contributor-covenant", "heading"),
  ("mozilla-legal", "heading"),
  ("udhr", "inverse_cloze"),
  ("opensource-guide", "heading"),
  ("bitcoin-faq", "heading"),
  ("gnome-help", "heading"),
  ("ntrex-ict", "inverse_cloze"),
  ("flores-ict", "inverse_cloze"),
  ("tico19-ict", "inverse_cloze"),
)
LEGAL_TASK = "legal_held_out"


def get_config():
  config = ml_collections.ConfigDict()
  config.name = "legal_vs_generic"
  config.run = run()
  config.data = data()
  config.grids = ml_collections.ConfigDict()
  config.grids.primary = ml_collections.ConfigDict()
  config.grids.primary.axes = (
    ("domain", tuple((name, parallel(name)) for name in ("generic", "legal"))),
    ("strategy", strategies()),
  )
  config.grids.primary.seeds = (0, 1, 2, 3, 4)
  config.grids.secondary = ml_collections.ConfigDict()
  config.grids.secondary.axes = (
    ("domain", everything()),
    ("strategy", strategies()),
  )
  config.grids.secondary.seeds = (0, 1)
  rules(config)
  config.tests.compare = (
    ("primary", "domain", "legal", "generic"),
    ("primary", "strategy", "hybrid", "monolingual"),
    ("primary", "strategy", "hybrid", "cross_lingual"),
    ("primary", "strategy", "cross_lingual", "monolingual"),
    ("secondary", "domain", "legal", "generic"),
    ("secondary", "domain", "both", "generic"),
    ("secondary", "strategy", "hybrid", "monolingual"),
    ("secondary", "strategy", "hybrid", "cross_lingual"),
  )
  config.claims = (
    *claims.of_the_paper("primary", fixed=(("domain", "generic"),)),
    *claims.left_out(
      "primary",
      fixed=(("domain", "legal"),),
      where="After legal fine-tuning",
      prefix="legal_",
    ),
    *of_the_question(),
  )
  config.notes = (
    *limits(),
    "The primary grid is small: a few hundred groups a domain, one of each"
    " block, which its runs see several times. It tells strategies and domains"
    " apart on equal data, not what much data would do.",
    "Its legal texts are licences, policies and the Declaration of Human"
    " Rights; its generic ones software guides, questions about Bitcoin, news"
    " and short articles. Hindi and Thai have fewer parallel legal blocks than"
    " a batch has pairs, so they are not trained on in either domain.",
    "The held-out legal task has other blocks of the same licences, policies"
    " and laws that legal runs are trained on, so names of laws and turns of"
    " phrase are known to them. Statutes stand in it in one language each and"
    " are not in the primary grid's training data.",
    "The secondary grid confounds strategy with data, as use does: monolingual"
    " batches draw on texts without translations, cross-lingual ones cannot. It"
    " has two seeds and no claims.",
  )
  return config.lock()


def run():
  """What every cell of the studies of E5-small is trained and judged with."""
  config = me5_small_hybrid.get_config()
  config.model.dtype = DTYPE
  config.model.start_share = 0.0
  config.data.sources = ("{study}/data/generic_parallel",)
  config.data.languages = PARALLEL_LANGUAGES
  config.data.query_length = 32
  config.data.passage_length = 64
  config.packing.row_lengths = (64,)
  config.batches.batch_size = BATCH_SIZE
  config.loss.temperature = TEMPERATURE
  config.optimizer.learning_rate = LEARNING_RATE
  config.optimizer.warmup_steps = 10
  config.optimizer.frozen = ("embeddings",)
  config.train.steps = 100
  config.train.evaluate_every = 0
  config.train.checkpoint_every = 50
  config.validation.task = ""
  config.validation.share = 0.0
  config.evaluation.tasks = (
    "xquad_r:xquad-r",
    "jsonl:{study}/data/legal_held_out",
  )
  config.evaluation.systems = ("trained",)
  config.evaluation.depth = 100
  config.evaluation.run_depth = 0
  return config


def data():
  """Keyword arguments of study.domains.datasets.prepare."""
  config = ml_collections.ConfigDict()
  config.languages = PARALLEL_LANGUAGES
  config.legal = LEGAL
  config.generic = GENERIC
  config.kinds = KINDS
  config.about_law = (
    *("osguide:legal#", "osguide:code-of-conduct#"),
    *("bitcoin:legal:", "bitcoin:privacy:"),
  )
  config.development = "belebele"
  config.held_share = 0.25
  config.held_native = 100
  config.least_held = 15
  config.least_blocks = BATCH_SIZE
  config.seed = 0
  return config


def strategies():
  """Levels of an axis: the kinds of batches."""
  return tuple((name, (("batches.strategy", name),)) for name in STRATEGIES)


def parallel(*domains):
  """A level: the matched sets of these domains."""
  sources = tuple(f"{{study}}/data/{name}_parallel" for name in domains)
  return (
    ("data.sources", sources),
    ("data.languages", PARALLEL_LANGUAGES),
  )


def everything():
  """Levels of an axis: all that each domain has, in languages that it has.

  Hindi has fewer legal blocks than a monolingual batch needs.
  """
  legal, generic = (
    tuple(f"{{study}}/data/{domain}/{name}" for name in names)
    for domain, names in (("legal", LEGAL), ("generic", GENERIC))
  )
  without_hindi = ("ar", "de", "en", "es", "ru", "th", "tr", "zh")
  languages = ("ar", "de", "en", "es", "hi", "ru", "th", "tr", "zh")
  return (
    ("generic", (("data.sources", generic), ("data.languages", languages))),
    ("legal", (("data.sources", legal), ("data.languages", without_hindi))),
    (
      "both",
      (("data.sources", (*generic, *legal)), ("data.languages", languages)),
    ),
  )


def rules(config):
  """What the studies share: how cells are run, and what is left of them."""
  config.modes = ("train", "evaluate")
  config.keep_checkpoints = False
  config.lease_seconds = 600
  config.tests = ml_collections.ConfigDict()
  config.tests.level = 0.95
  config.tests.compare = ()
  config.claims = ()


def limits():
  """What a reader of any study of E5-small has to know."""
  return (
    "E5 was contrastively trained on question answering in many languages"
    " before this study, SQuAD among it as far as is known: zero-shot means"
    " that no text of XQuAD nor a translation of one is in our training.",
    "The paper states neither what text a candidate has nor how MLQA-R is"
    " averaged, and its models saw other data: its rows are not directly"
    " comparable.",
    "Learning rate and temperature were chosen once, with hybrid batches, on"
    " English and German questions about Belebele's passages; what is best for"
    " another strategy may differ.",
    "Every run has the same number of steps of the same size; none is stopped"
    " early, and the last state is judged.",
    "Token embeddings are frozen, queries and passages are cut at 32 and 64"
    " tokens, and products are in bfloat16: a run had to fit ten minutes of two"
    " processors.",
  )


def of_the_question():
  """What this study expects of the domain, written before any run."""
  legal, generic = (("domain", "legal"),), (("domain", "generic"),)
  hybrid, monolingual = (
    (("strategy", "hybrid"),),
    (("strategy", "monolingual"),),
  )
  same = {"source": "study", "grid": "primary"}
  settings = (
    ("within", "within a language", claims.MONO),
    ("across", "across languages", claims.CROSS),
    ("pool", "in the multilingual pool", claims.POOL),
  )
  return (
    *(
      claims.claim(
        f"legal_hybrid_{name}",
        f"After legal fine-tuning too, hybrid batches are better than"
        f" monolingual ones {where}.",
        **same,
        figure=figure,
        a=(*legal, *hybrid),
        b=(*legal, *monolingual),
        rule="greater",
      )
      for name, where, figure in settings[1:]
    ),
    *(
      claims.claim(
        f"legal_costs_{name}",
        f"Legal fine-tuning leaves XQuAD-R lower than generic does {where}.",
        **same,
        figure=figure,
        a=generic,
        b=legal,
        over=("strategy",),
        rule="greater",
      )
      for name, where, figure in settings
    ),
    *(
      claims.claim(
        f"legal_helps_{name}_{'start' if other == 'start' else 'generic'}",
        f"Legal fine-tuning finds held-out legal texts better {where} than"
        f" {'the start' if other == 'start' else 'generic fine-tuning'}.",
        **same,
        task=LEGAL_TASK,
        figure=figure,
        a=legal,
        b=other,
        over=("strategy",),
        rule="greater",
      )
      for name, where, figure in settings[:2]
      for other in ("start", generic)
    ),
    *(
      claims.claim(
        f"same_gain_{name}",
        f"What hybrid batches gain over monolingual ones {where} is the same"
        " after legal and after generic fine-tuning.",
        **same,
        figure=figure,
        a=hybrid,
        b=monolingual,
        contrast=("domain", "legal", "generic"),
        rule="same",
        margin=claims.MARGIN,
      )
      for name, where, figure in settings[1:]
    ),
  )
