"""What is written short, and what is said for it: abbreviations, signs, units, months."""

ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    "adm": ("admiral",), "approx": ("approximately",), "apr": ("april",), "apt": ("apartment",),
    "assn": ("association",), "asst": ("assistant",), "aug": ("august",), "ave": ("avenue",),
    "blvd": ("boulevard",), "bros": ("brothers",), "capt": ("captain",), "cmdr": ("commander",),
    "co": ("company", "co"), "col": ("colonel", "column"), "corp": ("corporation", "corp"),
    "cpl": ("corporal",), "dec": ("december",), "dept": ("department",), "dr": ("doctor", "drive"),
    "ed": ("ed", "editor", "edition"), "esq": ("esquire",), "est": ("estimated", "established"),
    "etc": ("et cetera",), "ext": ("extension",), "feb": ("february",), "fig": ("figure", "fig"),
    "feat": ("featuring",), "fri": ("friday",), "ft": ("feet", "fort", "featuring"), "gen": ("general",),
    "gov": ("governor", "gov"),
    "hon": ("honorable",), "hr": ("hour",), "hrs": ("hours",), "hwy": ("highway",),
    "inc": ("incorporated", "ink"), "jan": ("january",), "jr": ("junior",), "jul": ("july",),
    "jun": ("june",), "lb": ("pound", "pounds"), "lbs": ("pounds",), "lt": ("lieutenant",),
    "ltd": ("limited",), "maj": ("major",), "mar": ("march", "mar"), "max": ("max", "maximum"),
    "min": ("minutes", "minimum", "minute"), "misc": ("miscellaneous",), "mme": ("madame",),
    "mon": ("monday",), "mr": ("mister",), "mrs": ("missus",), "mt": ("mount", "mountain"),
    "no": ("no", "number"), "nos": ("numbers",), "nov": ("november",), "oct": ("october",),
    "oz": ("ounces", "ounce"), "pg": ("page",), "pp": ("pages",), "pres": ("president",),
    "prof": ("professor",), "pvt": ("private",), "rd": ("road",), "rep": ("representative", "rep"),
    "rev": ("reverend",), "sat": ("sat", "saturday"), "sec": ("second", "seconds", "section"),
    "sen": ("senator",), "sep": ("september",), "sept": ("september",), "sgt": ("sergeant",),
    "sq": ("square",), "sr": ("senior",), "st": ("saint", "street"), "sun": ("sun", "sunday"),
    "tbsp": ("tablespoon", "tablespoons"), "tel": ("telephone",), "thu": ("thursday",),
    "thurs": ("thursday",), "tsp": ("teaspoon", "teaspoons"), "tue": ("tuesday",), "tues": ("tuesday",),
    "univ": ("university",), "vol": ("volume",), "vs": ("versus",), "wed": ("wednesday", "wed"),
    "yr": ("year",), "yrs": ("years",),
}  # fmt: skip
"""What stands before a full stop, and what is said for it."""

TITLES = frozenset(
    (
        "dr", "mr", "mrs", "st", "prof", "jr", "sr", "mt", "capt", "sgt", "lt", "sen", "gov", "gen", "col",
        "rev", "ave", "blvd", "rd", "hwy", "ltd", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep",
        "sept", "oct", "nov", "dec", "mon", "tue", "tues", "wed", "thu", "thurs", "fri",
    )
)  # fmt: skip
"""Those that are written without the full stop too, as in British English, with a capital."""

STOPLESS = frozenset(("vs", "etc", "approx"))
"""Those that mean nothing else without the full stop."""

SPECIAL: dict[str, tuple[str, ...]] = {
    "&c": ("et cetera",), ".net": ("dot net",), "24/7": ("twenty four seven",),
    "9/11": ("nine eleven", "september eleventh"), "a.k.a": ("a. k. a.", "also known as"),
    "a/c": ("a. c.", "air conditioning"), "b/c": ("because",), "c#": ("c sharp",),
    "c++": ("c plus plus", "c plus"), "c/o": ("care of",), "e.g": ("e. g.", "for example"),
    "f#": ("f sharp",), "i.e": ("i. e.", "that is"), "n/a": ("n. a.", "not applicable"),
    "ph.d": ("p. h. d.",), "ph.d.s": ("p. h. d.'s",), "q.e.d": ("q. e. d.",), "w/": ("with",),
    "w/o": ("without",), "007": ("double oh seven", "oh oh seven", "zero zero seven"),
    "ww1": ("world war one", "w. w. one"), "ww2": ("world war two", "w. w. two"),
    "wwi": ("world war one", "w. w. one"), "wwii": ("world war two", "w. w. two"),
}  # fmt: skip
"""Whole tokens (lower case, without the punctuation around them) and what is said for them."""

SYMBOLS: dict[str, tuple[str, ...]] = {
    "&": ("and",), "%": ("percent",), "@": ("at",), "+": ("plus", "and"), "=": ("equals", "is"),
    "°": ("degrees",), "#": ("number", "hashtag", "hash", "pound"), "$": ("dollars", "dollar"),
    "£": ("pounds", "pound"), "€": ("euros", "euro"), "¥": ("yen",), "₹": ("rupees", "rupee"),
    "¢": ("cents", "cent"), "₩": ("won",), "₽": ("rubles", "ruble"), "₺": ("lira",),
    "₪": ("shekels", "shekel"), "₿": ("bitcoin",), "‰": ("per mille",), "±": ("plus minus", "plus or minus"),
    "Ω": ("ohms", "ohm"),
    "≈": ("about", "approximately"), "≤": ("less than or equal to",), "≥": ("greater than or equal to",),
    "×": ("times", "by"), "÷": ("divided by",),
    "²": ("squared",), "³": ("cubed",), "½": ("a half", "one half", "half"),
    "¼": ("a quarter", "one quarter", "one fourth", "a fourth"),
    "¾": ("three quarters", "three fourths"), "§": ("section",), "/": ("", "slash"), "\\": ("", "backslash"),
    "_": ("", "underscore"), "*": ("", "star", "times"), "|": ("",), "<": ("", "less than"),
    ">": ("", "greater than"), "^": ("", "to the"), "~": ("", "about"), "™": ("",), "®": ("",), "©": ("",),
}  # fmt: skip
"""Signs and what is said for them; an empty entry is silence."""

DEGREES = {"C": ("celsius", "centigrade"), "F": ("fahrenheit",), "K": ("kelvin",)}
"""Scales of temperature behind a degree sign."""

OPERATORS: dict[str, tuple[str, ...]] = {
    "-": ("to", "minus"), "*": ("times", "star"), "/": ("over", "divided by", "slash"), ":": ("to",),
    "<": ("is less than", "less than"), ">": ("is greater than", "greater than"), "^": ("to the",),
    "~": ("to", "about"),
}  # fmt: skip
"""Signs that are silent when they stand alone, but may be said between two numbers: `5 - 3`, `3 : 1`."""

WEB: dict[str, tuple[str, ...]] = {
    "-": ("dash", "hyphen", ""), "_": ("underscore", ""), "/": ("slash", ""), "?": ("question mark", ""),
    "&": ("and", "ampersand"), "=": ("equals",), "#": ("hash", "pound", "number"), "~": ("tilde", ""),
    ":": ("colon", ""), "+": ("plus",), "%": ("percent",),
}  # fmt: skip
"""Signs inside addresses."""

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
SHORT_MONTHS = {month[:3]: month for month in MONTHS} | {"sept": "september"}

NUMBERED = frozenset(
    (
        "act", "appendix", "article", "book", "chapter", "class", "figure", "grade", "level", "line", "no.",
        "number", "page", "part", "phase", "quarter", "section", "season", "series", "stage", "step", "table",
        "tier", "title", "type", "unit", "vol.", "volume", "war",
    )
)  # fmt: skip
"""Words before Roman numerals that are read as plain numbers, as in `World War II`."""

UNITS_AFTER_DIGITS = {
    "kg": "kilograms", "km": "kilometers", "cm": "centimeters", "mm": "millimeters", "nm": "nanometers",
    "um": "micrometers", "mi": "miles", "yd": "yards", "ft": "feet", "lb": "pounds", "lbs": "pounds",
    "oz": "ounces", "mg": "milligrams", "ug": "micrograms", "ml": "milliliters", "cl": "centiliters",
    "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds", "min": "minutes", "mins": "minutes",
    "hr": "hours", "hrs": "hours", "sec": "seconds", "secs": "seconds", "hz": "hertz", "khz": "kilohertz",
    "mhz": "megahertz", "ghz": "gigahertz", "kb": "kilobytes", "mb": "megabytes", "gb": "gigabytes",
    "tb": "terabytes", "kbps": "kilobits per second", "mbps": "megabits per second",
    "gbps": "gigabits per second", "kb/s": "kilobytes per second", "mb/s": "megabytes per second",
    "gb/s": "gigabytes per second", "mph": "miles per hour", "km/h": "kilometers per hour",
    "kph": "kilometers per hour", "kmh": "kilometers per hour", "m/s": "meters per second",
    "fps": "frames per second", "rpm": "revolutions per minute", "dpi": "dots per inch",
    "kw": "kilowatts", "mw": "megawatts", "kwh": "kilowatt hours", "kv": "kilovolts", "db": "decibels",
    "mpg": "miles per gallon", "yr": "years", "yrs": "years",
    "ha": "hectares", "am": "a. m.", "pm": "p. m.", "g": "grams", "s": "seconds", "m": "meters",
    "h": "hours", "l": "liters", "w": "watts", "v": "volts", "x": "times",
}  # fmt: skip
"""Short units and what they are said as, only where they follow digits: `5kg`, `30 fps`."""

PER = {
    "s": "second", "sec": "second", "min": "minute", "h": "hour", "hr": "hour", "wk": "week", "mo": "month",
    "yr": "year", "kg": "kilogram", "km": "kilometer", "lb": "pound", "oz": "ounce", "gal": "gallon",
    "second": "second", "minute": "minute", "hour": "hour", "day": "day", "night": "night", "week": "week",
    "month": "month", "year": "year", "person": "person", "pound": "pound", "ounce": "ounce", "mile": "mile",
    "gallon": "gallon", "piece": "piece", "share": "share",
}  # fmt: skip
"""What may stand behind an amount and a slash: `$20/hr`."""

GLUED_UNITS = {"in": "inches"}
"""Those that are words of their own behind a space."""

HYPHENED_UNITS = (
    "kg", "km", "cm", "mm", "mi", "yd", "ft", "lbs?", "oz", "mg", "ml", "min", "hr", "sec", "yr", "k?hz",
    "mhz", "ghz", "kb", "mb", "gb", "tb", "mph", "kph", "mpg", "fps", "rpm", "dpi", "kw", "mw", "kv",
)  # fmt: skip
"""Patterns of units that stand behind a hyphen too: a `40-lb bag`."""
