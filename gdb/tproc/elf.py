"""Functions of an ELF file, by its symbol tables.  Never imports gdb.

A file may be anything: what does not fit is left out, and nothing is read that it does not have.
"""

import os
import struct
from typing import NamedTuple

MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
SHT_SYMTAB, SHT_DYNSYM = 2, 11
STT_FUNC = 2
MOST_SECTIONS = 4096
MOST_BYTES = 1 << 28


class Function(NamedTuple):
    """A function: its name, and where it begins, from where the file is mapped (its bias)."""

    name: str
    value: int


def _part(file, offset, length):
    if length > MOST_BYTES or offset + length > os.fstat(file.fileno()).st_size:
        return b""
    file.seek(offset)
    return file.read(length)


def _sections(file):
    head = file.read(HEADER.size)
    if len(head) < HEADER.size or not head.startswith(MAGIC):
        return []
    fields = HEADER.unpack(head)
    offset, size, count = fields[6], fields[11], fields[12]
    if size != SECTION.size or count > MOST_SECTIONS:
        return []
    data = _part(file, offset, size * count)
    return list(SECTION.iter_unpack(data[:len(data) // size * size]))


def _name(strings, at):
    return strings[at:strings.find(b"\0", at)].decode("utf-8", "backslashreplace")


def _symbols(file, sections, kind):
    for section in sections:
        _, section_kind, _, _, offset, size, link, *_ = section
        if section_kind != kind or link >= len(sections):
            continue
        strings = _part(file, sections[link][4], sections[link][5])
        data = _part(file, offset, size)
        for symbol in SYMBOL.iter_unpack(data[:len(data) // SYMBOL.size * SYMBOL.size]):
            name, info, _, index, value, length = symbol
            if info & 15 == STT_FUNC and index and length and name < len(strings):
                yield Function(_name(strings, name), value)


def functions(path):
    """The functions of a file, one for each place, ascending; those that it exports when it is stripped."""
    with open(path, "rb") as file:
        sections = _sections(file)
        for kind in (SHT_SYMTAB, SHT_DYNSYM):
            found = {function.value: function for function in _symbols(file, sections, kind)}
            if found:
                return sorted(found.values(), key=lambda function: function.value)
    return []
