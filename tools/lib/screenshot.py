"""What a terminal shows, as a picture."""

from xml.sax.saxutils import escape

import pyte

CELL_WIDTH, CELL_HEIGHT, MARGIN, TITLE = 8.4, 18, 14, 30
ROWS_MAX = 1000
BACKGROUND, FOREGROUND, BAR = "#1b1f27", "#d5d9e0", "#2a303b"
COLOURS = {"black": "#4b5363", "red": "#f0717a", "green": "#8fd08f", "brown": "#e6c07b",
           "blue": "#6fb1f0", "magenta": "#cf8ee0", "cyan": "#62c5cf", "white": "#d5d9e0"}


def styles(char):
    """Attributes of the text that a character stands in."""
    found = [f'fill="{COLOURS.get(char.fg, FOREGROUND)}"']
    if char.bold:
        found.append('font-weight="bold"')
    return " ".join(found)


def pieces(line, columns):
    """(column, text, attributes) for each stretch of one style."""
    begin, text, style = 0, "", None
    for column in range(columns):
        char = line[column]
        if styles(char) != style:
            yield begin, text, style
            begin, text, style = column, "", styles(char)
        text += char.data
    yield begin, text, style


def texts(screen, rows):
    """Every text of the screen where it stands."""
    for row in range(rows):
        baseline = TITLE + MARGIN + CELL_HEIGHT * (row + 0.75)
        for column, text, style in pieces(screen.buffer[row], screen.columns):
            if not text.strip():
                continue
            column += len(text) - len(text.lstrip())
            text = text.strip()
            yield (f'<text x="{MARGIN + column * CELL_WIDTH:.1f}" y="{baseline:.1f}" '
                   f'textLength="{len(text) * CELL_WIDTH:.1f}" {style}>{escape(text)}</text>')


def screenshot(output, columns, title):
    """An SVG of a terminal with so many columns, and as many rows as the output needs."""
    screen = pyte.Screen(columns, ROWS_MAX)
    pyte.Stream(screen).feed(output)
    rows = screen.cursor.y + 1
    width = columns * CELL_WIDTH + 2 * MARGIN
    height = rows * CELL_HEIGHT + 2 * MARGIN + TITLE
    dots = "".join(f'<circle cx="{18 + 20 * i}" cy="{TITLE / 2}" r="6" fill="{colour}"/>'
                   for i, colour in enumerate(("#f0717a", "#e6c07b", "#8fd08f")))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" xml:space="preserve" '
        'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
        f'<path d="M0 {TITLE}V8a8 8 0 0 1 8-8H{width - 8:.0f}a8 8 0 0 1 8 8V{TITLE}z" fill="{BAR}"/>',
        dots,
        f'<text x="50%" y="{TITLE * 0.66:.1f}" text-anchor="middle" fill="{FOREGROUND}">'
        f'{escape(title)}</text>',
        *texts(screen, rows), "</svg>", ""])
