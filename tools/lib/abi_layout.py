#!/usr/bin/env python3
"""Writes a C program that knows the layout in tproc/abi.h from the compiler.

    abi_layout.py HEADER OUT.c

The program prints a Python module (STRUCTS, ENUMS, CONSTANTS), or, given the argument
"asserts", include/tproc/abi_asserts.h.  Only names are taken from the header's text; every number
is the compiler's.
"""

import pathlib
import re
import sys

CODES = {"char": "s", "uint8_t": "B", "uint16_t": "H", "uint32_t": "I", "uint64_t": "Q",
         "int8_t": "b", "int16_t": "h", "int32_t": "i", "int64_t": "q"}
FIELD = re.compile(r"(?:struct\s+)?(\w+)\s+(\w+)\s*(\[[^\]]+\])?$")

PROLOGUE = """\
#include "tproc/abi.h"

#include <stdio.h>
#include <string.h>

#define COUNT(type, field) (sizeof(((type *)0)->field) / sizeof(((type *)0)->field[0]))
"""


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def structs(text):
    """(name, [(field, type, is an array)]) in the header's order."""
    for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", text, re.MULTILINE | re.DOTALL):
        fields = []
        for line in filter(None, (line.strip() for line in body.split(";"))):
            match = FIELD.match(line)
            if not match:
                sys.exit(f"abi_layout: struct {name}: cannot read '{line}'")
            fields.append((match[2], match[1], bool(match[3])))
        yield name, fields


def enums(text):
    """(name, [enumerator])"""
    for name, body in re.findall(r"^enum (\w+) \{\n(.*?)^\};", text, re.MULTILINE | re.DOTALL):
        yield name, re.findall(r"^\s*(\w+)", body, re.MULTILINE)


def constants(text):
    return re.findall(r"^#define (TP_\w+|AT_TPROC)[ \t]+[^\s]", text, re.MULTILINE)


def print_python(text, out):
    out.append("static void print_python(void)\n{")
    out.append('\tputs("\\"\\"\\"The layout of tproc/abi.h.  Generated: do not edit.\\"\\"\\"\\n");')
    out.append('\tputs("# name: (size, {field: (offset, struct code or name, elements; 0: none)})");')
    out.append('\tputs("STRUCTS = {");')
    for name, fields in structs(text):
        out.append(f'\tprintf("    \\"{name}\\": (%zu, {{\\n", sizeof(struct {name}));')
        for field, kind, array in fields:
            count = f"COUNT(struct {name}, {field})" if array else "(size_t)0"
            code = CODES.get(kind, kind)
            out.append(f'\tprintf("        \\"{field}\\": (%zu, \\"{code}\\", %zu),\\n", '
                       f"offsetof(struct {name}, {field}), {count});")
        out.append('\tputs("    }),");')
    out.append('\tputs("}\\n\\nENUMS = {");')
    for name, members in enums(text):
        out.append(f'\tputs("    \\"{name}\\": {{");')
        for member in members:
            out.append(f'\tprintf("        %lld: \\"{member}\\",\\n", (long long){member});')
        out.append('\tputs("    },");')
    out.append('\tputs("}\\n");')
    for name in constants(text):
        out.append(f'\tprintf("{name} = %llu\\n", (unsigned long long)({name}));')
    for _, members in enums(text):
        for member in members:
            out.append(f'\tprintf("{member} = %lld\\n", (long long){member});')
    out.append("}\n")


def print_asserts(text, out):
    out.append("static void print_asserts(void)\n{")
    for line in ("/*", " * The offsets and sizes of ABI version %u, frozen; included by tproc/abi.h only.",
                 " * A line here changes only together with TP_ABI_VERSION (docs/ABI.md).",
                 " * Written by tools/abi-asserts.", " */"):
        out.append(f'\tprintf("{line}\\n"' + (", TP_ABI_VERSION);" if "%u" in line else ");"))
    for name, fields in structs(text):
        out.append(f'\tprintf("\\nTP_SIZE(struct {name}, %zu);\\n", sizeof(struct {name}));')
        for field, _, _ in fields:
            out.append(f'\tprintf("TP_AT(struct {name}, {field}, %zu);\\n", '
                       f"offsetof(struct {name}, {field}));")
    out.append("}\n")


def main():
    text = without_comments(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    out = [PROLOGUE]
    print_python(text, out)
    print_asserts(text, out)
    out.append("int main(int argc, char **argv)\n{\n"
               '\tif (argc > 1 && !strcmp(argv[1], "asserts"))\n\t\tprint_asserts();\n'
               "\telse\n\t\tprint_python();\n\treturn 0;\n}")
    pathlib.Path(sys.argv[2]).write_text("\n".join(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
