"""Tables as text."""

import os


def table(head, rows):
    """Columns as wide as their widest cell; a head that begins with '>' stands at the right."""
    right = [title.startswith(">") for title in head]
    lines = [[title.lstrip(">") for title in head]] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        cells = [cell.rjust(width) if to_the_right else cell.ljust(width)
                 for cell, width, to_the_right in zip(line, widths, right)]
        yield "  ".join(cells).rstrip()


def base(path):
    """The last part of a path, for where there is little room."""
    return os.path.basename(path) or path
