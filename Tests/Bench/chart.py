"""The results as an SVG: one panel of horizontal bars per case, each with its own scale, since a 1 MiB body costs fifty
times what 1 KiB does.

The colours are attributes for a light page; a style sheet inside the file overrides them where the reader's is dark.
"""

from xml.sax.saxutils import escape

from measure import LOAD_CASES, SECURE_CASES

WIDTH = 920
MARGIN = 28
GUTTER = 44
PANEL_WIDTH = (WIDTH - 2 * MARGIN - GUTTER) / 2
LABEL_WIDTH = 156
VALUE_WIDTH = 96
BAR_WIDTH = PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH
BAR_HEIGHT = 16
ROW_HEIGHT = 24
TITLE_HEIGHT = 30
PANEL_GAP = 26
HEADER_HEIGHT = 88
FOOTER_HEIGHT = 64

LIGHT = {
    "page": "#ffffff", "text": "#1f2328", "quiet": "#59636e", "rule": "#d1d9e0",
    "peer": "#9aa7b4", "peer-redis": "#d0d7de", "larder": "#1a7f5a", "larder-redis": "#8fd0b5",
}
DARK = {
    "page": "#0d1117", "text": "#e6edf3", "quiet": "#9198a1", "rule": "#3d444d",
    "peer": "#6b7683", "peer-redis": "#3f4852", "larder": "#3fb68b", "larder-redis": "#1f5c48",
}


def svg(results):
    panels = [load_panel(results, case) for case in LOAD_CASES + SECURE_CASES] + [idle_panel(results), start_panel(results)]
    parts = []
    heights = [HEADER_HEIGHT, HEADER_HEIGHT]  # of the two columns; each panel goes below the shorter one
    for panel in filter(None, panels):
        column = 0 if heights[0] <= heights[1] else 1
        left = MARGIN + column * (PANEL_WIDTH + GUTTER)
        parts += draw_panel(panel, left, heights[column])
        heights[column] += TITLE_HEIGHT + ROW_HEIGHT * len(panel["bars"]) + PANEL_GAP
    height = max(heights) + FOOTER_HEIGHT - PANEL_GAP
    return "\n".join(frame(height) + header(results) + parts + footer(results, height) + ["</svg>"]) + "\n"


def load_panel(results, case):
    bars = []
    for slug, name in results["setups"].items():
        result = results["load"].get((slug, case.slug))
        if result and result["cpu_us"] is not None:
            bars.append((slug, name, result["cpu_us"], result["redis_cpu_us"] or 0.0, bool(result["faults"])))
    return panel_of(f"{case.name}: CPU time per request", "µs", bars)


def idle_panel(results):
    bars = []
    for slug, name in results["setups"].items():
        result = results["idle"].get(slug)
        if result and result["bytes_per_connection"] is not None:
            bars.append((slug, name, result["bytes_per_connection"], 0.0, bool(result["faults"])))
    return panel_of("Memory per idle connection", "bytes", bars)


def start_panel(results):
    bars = [(slug, name, results["start"][slug]["resident_bytes"] / (1024 * 1024), 0.0, False)
            for slug, name in results["setups"].items() if slug in results["start"]]
    return panel_of("Resident memory at start", "MiB", bars)


def panel_of(title, unit, bars):
    return {"title": title, "unit": unit, "bars": sorted(bars, key=lambda bar: bar[2])} if bars else None


def draw_panel(panel, left, top):
    """Bars grow from one line. A bar beyond three times the next longest is cut and shows a gap, or it would flatten
    all others; its value stands beside it as for any other."""
    totals = sorted(bar[2] + bar[3] for bar in panel["bars"])
    scale_end = totals[-1] if len(totals) < 2 else min(totals[-1], totals[-2] * 3)
    parts = [label(left, top + 14, panel["title"], "text", weight=600)]
    start = left + LABEL_WIDTH
    for index, (slug, name, proxy, redis, has_faults) in enumerate(panel["bars"]):
        y = top + TITLE_HEIGHT + index * ROW_HEIGHT
        kind = "larder" if slug.startswith("larder") else "peer"
        is_cut = proxy + redis > scale_end
        proxy_length = BAR_WIDTH * min(proxy / scale_end, 1)
        redis_length = min(BAR_WIDTH * redis / scale_end, BAR_WIDTH - proxy_length)
        weight = 600 if kind == "larder" else 400
        parts.append(label(start - 8, y + 12.5, name, "text", anchor="end", size=12, weight=weight))
        parts.append(box(start, y, proxy_length, kind))
        if redis_length > 0:
            parts.append(box(start + proxy_length, y, redis_length, kind + "-redis"))
        if is_cut:
            gap = start + BAR_WIDTH * 0.86
            parts.append(f'<path d="M{gap:.1f} {y + BAR_HEIGHT + 2:.1f}l6 -{BAR_HEIGHT + 4}h5l-6 {BAR_HEIGHT + 4}z" '
                         f'{paint("page")}/>')
        value = number(proxy) + (f" ({number(proxy + redis)})" if redis else "") + ("!" if has_faults else "")
        value += f" {panel['unit']}" if index == 0 else ""
        parts.append(label(start + proxy_length + redis_length + 6, y + 12.5, value, "text", size=12, weight=weight))
    bottom = top + TITLE_HEIGHT + len(panel["bars"]) * ROW_HEIGHT - (ROW_HEIGHT - BAR_HEIGHT)
    parts.append(f'<path d="M{start} {top + TITLE_HEIGHT - 4:.1f}V{bottom + 4:.1f}" fill="none" '
                 f'stroke="{LIGHT["rule"]}" class="rule"/>')
    return parts


def frame(height):
    rules = "".join(f".{name}{{fill:{colour}}}" for name, colour in DARK.items() if name != "rule")
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" font-family="system-ui, -apple-system, \'Segoe UI\', \'DejaVu Sans\', sans-serif" '
        'role="img" aria-label="CPU time per request and memory per idle connection of caching proxies">',
        f"<style>@media (prefers-color-scheme: dark){{{rules}.rule{{stroke:{DARK['rule']}}}}}</style>",
        f'<rect width="{WIDTH}" height="{height:.0f}" {paint("page")}/>',
    ]


def header(results):
    parts = [label(MARGIN, 38, "What a request costs", "text", size=20, weight=600)]
    legend = [("larder", "Larder"), ("peer", "peers"), ("peer-redis", "their Redis (sum in brackets)")]
    x = MARGIN
    for kind, words in legend:
        parts.append(f'<rect x="{x}" y="54" width="12" height="12" rx="2" {paint(kind)}/>')
        if kind == "peer-redis":
            parts.append(f'<path d="M{x} 66L{x + 12} 54V64a2 2 0 0 1-2 2z" {paint("larder-redis")}/>')
        parts.append(label(x + 18, 64.5, words, "quiet", size=12))
        x += 18 + 7 * len(words) + 24
    parts.append(label(WIDTH - MARGIN, 64.5, "shorter is better", "quiet", size=12, anchor="end"))
    return parts


def footer(results, height):
    facts = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    settings = results["settings"]
    return [
        label(MARGIN, height - 30, f"One worker on a core of its own; {facts['processor']}, {facts['system']}, "
              f"Linux {facts['kernel']}. Medians of {settings['rounds']} x {settings['seconds']} s.", "quiet", size=11),
        label(MARGIN, height - 14, versions, "quiet", size=11),
    ]


def box(x, y, width, kind):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{BAR_HEIGHT}" {paint(kind)}/>'


def label(x, y, words, kind, size=13, weight=400, anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
            f'{paint(kind)}>{escape(words)}</text>')


def paint(kind):
    return f'class="{kind}" fill="{LIGHT[kind]}"'


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
