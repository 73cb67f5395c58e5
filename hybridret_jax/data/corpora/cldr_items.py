"""Things that Unicode CLDR names in every language, with facts about them.

The facts point one way only, so that no entry answers a question about an
item of another kind: a script lists languages, a language, a currency and a
city list countries, a country has its time zones and its first weekday, a
unit its quantity.
"""

import collections
import dataclasses
import functools
import unicodedata

import babel
from babel import core, lists, localedata, numbers

LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
MOST = {
  "territory": 140,
  "language": 90,
  "script": 40,
  "currency": 90,
  "city": 80,
  "unit": 70,
}
# Units in everyday use, by what they measure.
UNITS = {
  "angle": "degree radian arc-minute arc-second",
  "area": "square-meter square-kilometer square-centimeter square-mile "
  "square-foot hectare acre",
  "duration": "hour day week month year decade century millisecond",
  "energy": "joule kilojoule calorie kilocalorie kilowatt-hour",
  "frequency": "hertz kilohertz megahertz gigahertz",
  "length": "meter kilometer centimeter millimeter mile foot inch yard "
  "nautical-mile light-year",
  "mass": "gram kilogram milligram tonne pound ounce carat",
  "power": "watt kilowatt megawatt horsepower",
  "pressure": "pascal bar atmosphere hectopascal",
  "speed": "kilometer-per-hour meter-per-second mile-per-hour knot",
  "temperature": "celsius fahrenheit kelvin",
  "volume": "liter milliliter cubic-meter cubic-centimeter barrel gallon cup "
  "teaspoon tablespoon",
}

# The templates call a territory a country, so only states are asked about:
# dependent, uninhabited and disputed territories are left out.
_NOT_STATES = (
  "AQ AS AI AW AX BL BM BQ BV CC CK CW CX EH FK FO GF GG GI GL GP GS GU HK HM "
  "IM IO JE KY MF MO MP MQ MS NC NF NU PF PM PN PR PS RE SH SJ SX TC TF TK TW "
  "UM VA VG VI WF XK YT ZZ 001"
)
# Names of collections, notations and "unknown", which nobody writes in.
_NOT_SCRIPTS = (
  "Aran Brai Hanb Hans Hant Hrkt Jpan Kore Zinh Zmth Zsye Zsym Zxxx Zyyy Zzzz"
)
_SCRIPT_NAMES = {
  "ar": "ARABIC",
  "el": "GREEK",
  "hi": "DEVANAGARI",
  "ru": "CYRILLIC",
  "th": "THAI",
  "zh": "CJK UNIFIED",
}
# Time zones that CLDR names after an island or a region, and one city whose
# state is disputed.
_NOT_CITIES = (
  "Atlantic/Azores Atlantic/Canary Atlantic/Cape_Verde Indian/Mahe "
  "Pacific/Efate Pacific/Guadalcanal Pacific/Tarawa Pacific/Tongatapu "
  "Pacific/Kiritimati Pacific/Funafuti Asia/Kamchatka Asia/Sakhalin "
  "America/Bahia Asia/Jerusalem Pacific/Easter"
)
_CITIES_OF_A_STATE = 3
_MOST_LISTED = 3


@dataclasses.dataclass(frozen=True)
class Item:
  """One thing: `fields[language]` holds its name and facts in that language."""

  kind: str
  code: str
  fields: dict[str, dict[str, str]]

  @property
  def block(self):
    """The name under which all questions about the item are one block."""
    return f"cldr:{self.kind}:{self.code}"


@functools.cache
def items():
  """All items, in the order of kind and code, each in all 11 languages.

  An item is left out where a language lacks its name, writes it in a foreign
  script, or gives two items of the kind the same name. Of the rest, each kind
  keeps its first `MOST[kind]` in the order of its maker, best known first.
  """
  found = []
  for kind, most in MOST.items():
    candidates = (
      Item(kind, code, {language: make(language) for language in LANGUAGES})
      for code, make in _MAKERS[kind]().items()
    )
    kept = _distinct(item for item in candidates if _complete(item))[:most]
    found += sorted(kept, key=lambda item: item.code)
  return tuple(found)


def in_own_script(text, language):
  """Whether more than half of the letters are of the language's script."""
  letters = [letter for letter in text if letter.isalpha()]
  names = [unicodedata.name(letter, "") for letter in letters]
  script = _SCRIPT_NAMES.get(language, "LATIN")
  return 2 * sum(name.startswith(script) for name in names) > len(letters)


def _complete(item):
  return all(
    all(fields.values()) and in_own_script(fields["name"], language)
    for language, fields in item.fields.items()
  )


def _distinct(candidates):
  """The items whose name no earlier item of the kind has in any language."""
  seen = collections.defaultdict(set)
  kept = []
  for item in candidates:
    names = {
      language: fields["name"].casefold()
      for language, fields in item.fields.items()
    }
    if any(name in seen[language] for language, name in names.items()):
      continue
    kept.append(item)
    for language, name in names.items():
      seen[language].add(name)
  return kept


@functools.cache
def _locale(language):
  return babel.Locale.parse(language)


def _listed(language, names):
  """The first few names as a list in the language; empty if one is missing."""
  names = names[:_MOST_LISTED]
  return lists.format_list(names, locale=language) if all(names) else ""


@functools.cache
def _states():
  """Codes of the states, those first at home in which most locales are.

  A language is at home in its likely territory; a state without such a
  language comes after, by the number of its locales.
  """
  names = localedata.locale_identifiers()
  likely = core.get_global("likely_subtags")
  homes = collections.Counter(
    likely[name].split("_")[2] for name in names if name in likely
  )
  locales = collections.Counter(name.split("_")[-1] for name in names)
  codes = set(core.get_global("territory_zones")) - set(_NOT_STATES.split())
  return tuple(
    sorted(codes, key=lambda code: (-homes[code], -locales[code], code))
  )


def _places(language, codes):
  return _listed(language, [_locale(language).territories[c] for c in codes])


def _territories():
  def make(code, zones, weekday):
    return lambda language: {
      "name": _locale(language).territories.get(code, ""),
      "time": _listed(language, [_time(language, zone) for zone in zones]),
      "day": _locale(language).days["stand-alone"]["wide"][weekday],
    }

  return {
    code: make(code, _meta_zones(code), _first_weekday(code))
    for code in _states()
    if _meta_zones(code)
  }


@functools.cache
def _meta_zones(code):
  """Two of a territory's time zones, in CLDR's order of its cities."""
  known = dict(core.get_global("meta_zones"))
  # CLDR's table has old spellings of some cities (Asia/Calcutta).
  for old, new in core.get_global("zone_aliases").items():
    if old in known:
      known.setdefault(new, known[old])
  cities = core.get_global("territory_zones")[code]
  zones = dict.fromkeys(known[city] for city in cities if city in known)
  named = [
    zone
    for zone in zones
    if all(_time(language, zone) for language in LANGUAGES)
  ]
  return tuple(named[:2])


def _time(language, zone):
  names = _locale(language).meta_zones.get(zone, {}).get("long", {})
  return names.get("standard") or names.get("generic", "")


@functools.cache
def _first_weekday(code):
  """0 for Monday; by the territory's most spoken language that has a locale."""
  spoken = core.get_global("territory_languages").get(code, {})
  order = sorted(spoken, key=lambda one: -spoken[one]["population_percent"])
  names = [f"{language}_{code}" for language in order]
  names += [
    n for n in localedata.locale_identifiers() if n.endswith("_" + code)
  ]
  for name in names:
    if localedata.exists(name):
      return babel.Locale.parse(name).first_week_day
  return 0


@functools.cache
def _homes():
  """The states of each language, those where most people speak it first.

  A language counts where it has an official status or where at least every
  fifth person speaks it.
  """
  shares = collections.defaultdict(list)
  for code in _states():
    spoken = core.get_global("territory_languages").get(code, {})
    for language, facts in spoken.items():
      share = facts["population_percent"]
      if facts["official_status"] in ("official", "de_facto_official") or (
        share >= 20
      ):
        shares[language].append((-share, code))
  return {
    language: tuple(code for _, code in sorted(found))
    for language, found in shares.items()
  }


def _languages():
  def make(code):
    return lambda language: {
      "name": _locale(language).languages.get(code, ""),
      "places": _places(language, _homes()[code]),
    }

  homes = _homes()
  known = [code for code in homes if localedata.exists(code)]
  known.sort(key=lambda code: (-len(homes[code]), code))
  return {code: make(code) for code in known}


def _scripts():
  """Scripts by the languages that are likely written in them."""
  written = collections.defaultdict(list)
  likely = core.get_global("likely_subtags")
  for code in sorted(_locale("en").languages):
    if code.isalpha() and code in likely:
      written[likely[code].split("_")[1]].append(code)

  def make(code, own):
    # Languages with a country of their own are the best known.
    own = sorted(own, key=lambda one: (one not in _homes(), one))
    named = [
      one
      for one in own
      if all(one in _locale(language).languages for language in LANGUAGES)
    ]
    return lambda language: {
      "name": _locale(language).scripts.get(code, ""),
      "languages": _listed(
        language, [_locale(language).languages[one] for one in named]
      ),
    }

  return {
    code: make(code, own)
    for code, own in sorted(
      written.items(), key=lambda found: (-len(found[1]), found[0])
    )
    if code not in _NOT_SCRIPTS.split()
  }


def _currencies():
  """Legal tender of today, by the states that use it."""
  used = collections.defaultdict(list)
  for territory in _states():
    for code in numbers.get_territory_currencies(territory):
      used[code].append(territory)

  def make(code, places):
    # The issuing country leads: a code begins with its letters.
    places = sorted(places, key=lambda one: (one != code[:2], one))
    return lambda language: {
      "name": _locale(language).currencies.get(code, ""),
      "places": _places(language, places),
    }

  return {code: make(code, places) for code, places in used.items()}


def _cities():
  """Cities that name the time zone of a state, where the two names differ."""

  def make(zone, territory):
    def fields(language):
      name = _city(language, zone)
      place = _locale(language).territories[territory]
      shared = name.casefold() in place.casefold()
      return {"name": "" if shared else name, "place": place}

    return fields

  main = set(core.get_global("windows_zone_mapping").values())
  cities = {}
  for state in _states():
    zones = core.get_global("territory_zones")[state]
    named = [
      zone
      for zone in zones
      if (len(zones) == 1 or zone in main) and zone not in _NOT_CITIES.split()
    ]
    for zone in named[:_CITIES_OF_A_STATE]:
      cities[zone] = make(zone, state)
  return cities


def _city(language, zone):
  """CLDR's name of a zone's city; where it has none, the one of its code."""
  aliases = core.get_global("zone_aliases").items()
  for name in [zone, *(old for old, new in aliases if new == zone)]:
    city = _locale(language).time_zones.get(name, {}).get("city")
    if city:
      return city
  return zone.split("/")[-1].replace("_", " ")


def _units():
  def make(quantity, code):
    def fields(language):
      shown = _locale(language).unit_display_names.get(code, {})
      return {
        "name": shown.get("long") or shown.get("short", ""),
        "quantity": quantity,
      }

    return fields

  return {
    f"{quantity}-{unit}": make(quantity, f"{quantity}-{unit}")
    for quantity, named in UNITS.items()
    for unit in named.split()
  }


_MAKERS = {
  "territory": _territories,
  "language": _languages,
  "script": _scripts,
  "currency": _currencies,
  "city": _cities,
  "unit": _units,
}
