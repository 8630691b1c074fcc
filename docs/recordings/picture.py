"""A recording as a picture that moves: lines of text that appear, and scroll when the screen is full."""

import html
import re

STYLE = re.compile(r"\x1b\[([0-9;]*)m")
COLOURS = {31: "#f47067", 32: "#57ab5a", 33: "#c69026", 34: "#539bf5", 35: "#b083f0", 36: "#39c5cf", 2: "#768390"}
FONT, CELL, LINE, EDGE = 14, 8.43, 19, 16


def picture(title, events, columns, rows):
    """The events as SVG; each line appears when it is complete."""
    lines = wrapped(shown(events), columns)
    height = rows * LINE
    last = max(when for when, _ in lines) + 0.01
    drawn = "\n".join(
        f'<text y="{(place + 1) * LINE - 5}" style="animation-delay:{when:.2f}s">{spans(line)}</text>'
        for place, (when, line) in enumerate(lines)
        if line
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {columns * CELL + 2 * EDGE:.0f} {height + 2 * EDGE}" \
xml:space="preserve" role="img" aria-label="{html.escape(title)}">
<title>{html.escape(title)}</title>
<style>
text {{ font: {FONT}px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #adbac7; \
visibility: hidden; animation: appear 0.01s forwards }}
tspan.b {{ font-weight: bold }}
@keyframes appear {{ to {{ visibility: visible }} }}
#roll {{ animation: roll {last:.2f}s step-end forwards }}
@keyframes roll {{ {scrolling(lines, rows, last)} }}
@media (prefers-reduced-motion: reduce) {{ text {{ animation-delay: 0s !important }} #roll {{ animation-duration: 0.01s }} }}
</style>
<rect width="100%" height="100%" rx="8" fill="#22272e"/>
<svg x="{EDGE}" y="{EDGE}" width="{columns * CELL:.0f}" height="{height}"><g id="roll">
{drawn}
</g></svg>
</svg>
"""


def shown(events):
    """Lines with the second in which they are complete; the prompt at the end has no end of line."""
    line = ""
    for when, _, text in events:
        line += text
        while "\r\n" in line:
            done, line = line.split("\r\n", 1)
            yield when, done
    yield events[-1][0], line


def wrapped(lines, columns):
    """Lines as a terminal breaks them: styles take no room, and go on behind the break."""
    found = []
    for when, line in lines:
        room, part, style = columns, "", ""
        for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
            if STYLE.fullmatch(piece):
                part, style = part + piece, piece
                continue
            while len(piece) > room:
                found.append((when, part + piece[:room]))
                part, piece, room = style, piece[room:], columns
            part, room = part + piece, room - len(piece)
        found.append((when, part))
    return found


def scrolling(lines, rows, last):
    """Where the text stands when: a line more than there is room for moves all of it up."""
    steps = {}
    for place, (when, _) in enumerate(lines):
        if place >= rows:
            steps[f"{100 * when / last:.2f}%"] = (place - rows + 1) * LINE
    if steps:
        steps["100%"] = max(steps.values())
    return " ".join(f"{when} {{ transform: translateY(-{far}px) }}" for when, far in steps.items())


def spans(line):
    """The text with its colours."""
    drawn, bold, colour = "", False, None
    for place, piece in enumerate(STYLE.split(line)):
        if place % 2:
            for code in [int(code or 0) for code in piece.split(";")]:
                bold, colour = (False, None) if code == 0 else (bold or code == 1, COLOURS.get(code, colour))
        elif piece:
            kind = ' class="b"' if bold else ""
            fill = f' fill="{colour}"' if colour else ""
            text = html.escape(piece, quote=False)
            drawn += f"<tspan{kind}{fill}>{text}</tspan>" if kind or fill else text
    return drawn
