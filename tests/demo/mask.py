"""What a session shows, without what differs each time."""

import re


def masked(text, build):
    """Lines without addresses, process ids, times, sizes and column widths."""
    text = text.replace(f"{build}/", "build/")
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    text = re.sub(r"\b[0-9a-f]{12,}\b", "BUILD-ID", text)
    text = re.sub(r"\b[\d.]+ ([KMG]iB|[mµn]?s)\b", r"SOME \1", text)
    text = re.sub(r"\b\d+ pages\b", "SOME pages", text)
    text = re.sub(r"\d{4}-\d\d-\d\d", "DATE", text)
    text = re.sub(r"\d\d:\d\d:\d\d(\.\d+)?", "TIME", text)
    text = re.sub(r"\bpid \d+|\d+(?= +(running|exited)\b)", "PID", text)
    text = re.sub(r"\bthread \d+\.\d+|\blaunched by \d+", "WHO", text)
    text = re.sub(r"^ *\d+\.\d+(?= )", "THREAD", text, flags=re.MULTILINE)
    text = re.sub(r"(?<![\d.])\d{3,}(?![\d.])", "NUMBER", text)
    return [re.sub(r"[ \t]+", " ", line).strip() for line in text.strip().splitlines()]
