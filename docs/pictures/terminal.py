"""Draws a recorded run as an HTML page for a browser's screenshot.

Called by hand when the README's picture is renewed:
    make demo | tee demo.log
    python docs/pictures/terminal.py demo.log > demo.html
    chromium --headless --screenshot=docs/pictures/demo.png --window-size=1240,1660 demo.html
Long stretches of bars without an event are shortened to one line that counts them.
"""

import html
import re
import sys
from pathlib import Path

COLOURS = {
    "operator": "#b48ef7", "trainer": "#5ea1ff", "api": "#3fd0c9", "bot": "#d7dde8",
    "exchange": "#8a93a6",
}  # fmt: skip
KEPT_BARS = 2
WIDTH = 148
STYLE = (
    "body{background:#12151c;margin:0;padding:18px 22px;color:#d7dde8;white-space:pre;"
    "font:13px/1.45 'DejaVu Sans Mono',monospace}"
    ".quiet{color:#6b7486}.good{color:#3fd0c9}.bad{color:#ff9e64}"
)


def shortened(lines: list[str]) -> list[str]:
    """Keeps the first bars of each quiet stretch and says how many more there were."""
    result: list[str] = []
    run = 0
    for line in [*lines, ""]:
        if re.search(r"bot\s+\d{4}-\d\d-\d\d \d\d:\d\d .*(no edge|hold the|cooling)", line):
            run += 1
            if run <= KEPT_BARS:
                result.append(line)
            continue
        if run > KEPT_BARS:
            result.append(
                f"~         … {run - KEPT_BARS} more bars, each with its forecast and reason"
            )
        run = 0
        result.append(line)
    return result


def drawn(line: str) -> str:
    text = html.escape(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…")
    if line.startswith("~"):
        return f'<span class="quiet">{text[1:]}</span>'
    parts = re.match(r"(\d\d:\d\d:\d\d )(\w+)(\s.*)", text)
    if not parts:
        return text
    rest = parts[3]
    kind = "good" if "✓" in rest or "profit +" in rest else "bad" if "loss -" in rest else ""
    colour = COLOURS.get(parts[2], "#d7dde8")
    return (
        f'<span class="quiet">{parts[1]}</span><span style="color:{colour}">{parts[2]}</span>'
        f'<span class="{kind}">{rest}</span>'
    )


def page(lines: list[str]) -> str:
    story = [line for line in lines if "exchange filled" not in line]
    summary = next((i for i, line in enumerate(story) if line.startswith("  market ")), len(story))
    body = shortened(story[:summary])
    shown = [*body[:62], "~         …", *body[-3:]] if len(body) > 65 else body
    text = [*shown, "", *(line for line in story[summary:] if line and not line.startswith("{"))]
    return f"<meta charset=utf-8><style>{STYLE}</style>" + "\n".join(map(drawn, text))


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1]).read_text().splitlines()))
