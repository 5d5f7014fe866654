"""Prints a man page whose line VERBS is replaced by what `tpinspect help` knows of each verb.

Usage: verb_man.py PAGE.in TPINSPECT
"""

import json
import subprocess
import sys

MARK = "VERBS\n"


def quoted(text):
    """Text that mdoc takes as it is: no escapes, no requests."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return "\\&" + text if text.startswith((".", "'")) else text


def argument(word):
    """One word of a usage line."""
    inner = word[1:-1] if word.startswith("[") and word.endswith("]") else None
    return f"Op Ar {quoted(inner.lower())}" if inner else f"Ar {quoted(word.lower())}"


def option(entry, raw):
    """An option as it is typed."""
    value = ("=" if raw else " ") + entry["value"] if entry["value"] else ""
    return f"\\-\\-{quoted(entry['name'])}{quoted(value)}"


def sentences(text):
    """Lines of running text."""
    return [quoted(line) for line in (text or "").splitlines()]


def capital(text):
    """A sentence from what help says in a line."""
    return quoted(text[0].upper() + text[1:]) + "."


def verb_lines(verb):
    """One item of the list of commands."""
    words = [argument(word) for word in verb["arguments"].split()]
    form = [f"Ns Op / Ns Ar {quoted(verb['format'].lower())}"] if verb["format"] else []
    yield " ".join([".It Ic", verb["verb"], *form, *words])
    yield capital(verb["help"])
    yield from sentences(verb["details"])
    if verb["options"]:
        yield ".Bl -tag -width Ds -compact"
        for entry in verb["options"]:
            yield f".It Li {option(entry, verb['raw'])}"
            yield capital(entry["help"])
        yield ".El"
    if verb["example"] and verb["example"] != verb["verb"]:
        yield ".Pp"
        yield f".Dl {quoted(verb['example'])}"


def main():
    page, tpinspect = sys.argv[1:3]
    said = subprocess.check_output([tpinspect, "--json", "-c", "help"], text=True)
    verbs = json.loads(said)["verbs"]
    with open(page, encoding="utf-8") as file:
        before, mark, after = file.read().partition(MARK)
    if not mark:
        sys.exit(f"{page} has no line {MARK!r}")
    lines = [line for verb in verbs for line in verb_lines(verb)]
    print(before, "\n".join(lines), "\n", after, sep="", end="")


main()
