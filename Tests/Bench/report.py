"""The results as text for a terminal and as JSON for a file."""

import json

from measure import LOAD_CASES, SECURE_CASES

MIB = 1024 * 1024
MARK = "!"  # stands behind a figure whose samples had faults; the faults are listed below the tables
NAME_WIDTH = 26
COLUMN_WIDTH = 20


def text(results, verdicts):
    setups = results["setups"]
    parts = [
        table("CPU time per request of the proxy's processes, µs (with its Redis)", setups, lambda setup, case: cpu(
            results, setup, case), ratios(results)),
        table("Requests per second", setups, lambda setup, case: figure(
            results, setup, case, "requests_per_second", "{:,.0f}")),
        table("Latency, ms: median / 99th percentile", setups, lambda setup, case: latency(results, setup, case)),
        store_table(results),
        table("TLS 1.3 and HTTP/2: CPU time per request of the proxy's processes, µs", setups, lambda setup, case: cpu(
            results, setup, case), ratios(results, SECURE_CASES), SECURE_CASES, 17),
        memory_table(results),
        goals_text(verdicts),
    ]
    parts += [left_out_text(results), faults_text(results), disturbance_text(results)]
    return "\n\n".join(part for part in parts if part)


def table(title, setups, cell, extra_rows=(), cases=LOAD_CASES, width=COLUMN_WIDTH):
    """One row per setup and one column per case; `extra_rows` maps a slug to more (name, cells) rows below its own."""
    lines = [title, " " * NAME_WIDTH + "".join(case.name.rjust(width) for case in cases)]
    extra = dict(extra_rows)
    for slug, name in setups.items():
        cells = [cell(slug, case.slug) for case in cases]
        if not any(cells):
            continue
        lines.append(row(name, cells, width))
        lines += [row("  / " + other, ratio_cells, width) for other, ratio_cells in extra.get(slug, [])]
    return "\n".join(lines) if len(lines) > 2 else ""


def row(name, cells, width):
    return name.ljust(NAME_WIDTH) + "".join((each or "–").rjust(width) for each in cells)


def figure(results, setup, case, name, pattern):
    result = results["load"].get((setup, case))
    if not result:
        return ""
    if result[name] is None:
        return "failed" + MARK
    return pattern.format(result[name]) + (MARK if result["faults"] else "")


def cpu(results, setup, case):
    proxy = figure(results, setup, case, "cpu_us", "{:.1f}")
    redis = (results["load"].get((setup, case)) or {}).get("redis_cpu_us")
    if redis is None:
        return proxy
    return f"{proxy} ({results['load'][setup, case]['cpu_us'] + redis:.1f})"


def latency(results, setup, case):
    result = results["load"].get((setup, case))
    if not result or result["p50_us"] is None:
        return ""
    return f"{result['p50_us'] / 1000:.2f} / {result['p99_us'] / 1000:.2f}"


def store_table(results):
    """What a HIT and a MISS cost the proxy and its Redis, and how long one client waits for either."""
    columns = ("HIT, CPU µs: proxy + Redis", "MISS, CPU µs: proxy + Redis", "HIT, one client, µs", "MISS, one client, µs")
    width = max(map(len, columns)) + 2
    lines = []
    for slug, name in results["setups"].items():
        if not results["load"].get((slug, "miss-1k")):
            continue
        cells = [both_cpu(results, slug, "hit-1k"), both_cpu(results, slug, "miss-1k"),
                 figure(results, slug, "hit-one", "p50_us", "{:.0f}"), figure(results, slug, "miss-one", "p50_us", "{:.0f}")]
        lines.append(name.ljust(NAME_WIDTH) + "".join((cell or "–").rjust(width) for cell in cells))
    if not lines:
        return ""
    title = "Redis: what 1 KiB costs (a MISS is looked up, claimed, fetched and stored)"
    return "\n".join([title, " " * NAME_WIDTH + "".join(column.rjust(width) for column in columns)] + lines)


def both_cpu(results, setup, case):
    result = results["load"].get((setup, case))
    if not result or result["cpu_us"] is None:
        return ""
    redis = "" if result["redis_cpu_us"] is None else f" + {result['redis_cpu_us']:.1f}"
    return f"{result['cpu_us']:.1f}{redis}" + (MARK if result["faults"] else "")


def ratios(results, cases=LOAD_CASES):
    """Below each row of Larder, its CPU time divided by each peer's."""
    peers = {slug: name for slug, name in results["setups"].items() if not slug.startswith("larder")}
    for slug in results["setups"]:
        if slug.startswith("larder"):
            rows = [
                (name, [ratio(results, slug, peer, case.slug) for case in cases]) for peer, name in peers.items()]
            yield slug, [each for each in rows if any(each[1])]


def ratio(results, setup, peer, case):
    ours = (results["load"].get((setup, case)) or {}).get("cpu_us")
    theirs = (results["load"].get((peer, case)) or {}).get("cpu_us")
    return f"{ours / theirs:.2f} x" if ours and theirs else ""


def memory_table(results):
    lines = []
    for slug, name in results["setups"].items():
        start, idle = results["start"].get(slug), results["idle"].get(slug)
        if not start and not idle:
            continue
        size = f"{start['resident_bytes'] / MIB:.1f} MiB" if start else "–"
        cost = "–"
        if idle:
            value = idle["bytes_per_connection"]
            cost = ("failed" if value is None else f"{value:,.0f} bytes") + (MARK if idle["faults"] else "")
        lines.append(name.ljust(NAME_WIDTH) + size.rjust(COLUMN_WIDTH) + cost.rjust(COLUMN_WIDTH + 6))
    if not lines:
        return ""
    title = " " * NAME_WIDTH + "at start".rjust(COLUMN_WIDTH) + "per idle connection".rjust(COLUMN_WIDTH + 6)
    return "\n".join(["Resident memory of the proxy's processes", title] + lines)


def goals_text(verdicts):
    lines = ["Goals"]
    for each in verdicts:
        if each.holds is None:
            lines.append(f"  not measured  {each.sentence}")
        else:
            word = "holds" if each.holds else "DOES NOT HOLD"
            lines.append(f"  {word:13} {each.sentence}: {each.figure:,.1f} against {each.limit:,.1f} {each.unit}")
    return "\n".join(lines)


def left_out_text(results):
    return "\n".join(f"Left out: {name} ({reason})" for name, reason in results["left_out"].items())


def faults_text(results):
    lines = []
    for (setup, case), result in results["load"].items():
        lines += [f"{MARK} {results['setups'][setup]}, {case}: {fault}" for fault in result["faults"]]
    for setup, result in results["idle"].items():
        lines += [f"{MARK} {results['setups'][setup]}, idle connections: {fault}" for fault in result["faults"]]
    return "\n".join(dict.fromkeys(lines))


def disturbance_text(results):
    if not results["machine"]["pinned"]:
        return "One core only: proxy, wrk and origin shared it, so requests/s and latency say little."
    shares = [result["foreign_share"] for result in results["load"].values() if result["foreign_share"] is not None]
    if shares and max(shares) > 0.1:
        return (f"Something else used up to {max(shares):.0%} of the proxy's core during the samples: "
                "figures of a quiet machine are lower.")
    return ""


def as_json(results, verdicts):
    load = {}
    for (setup, case), result in results["load"].items():
        load.setdefault(setup, {})[case] = result
    document = dict(results, load=load, goals=[each._asdict() for each in verdicts])
    return json.dumps(rounded(document), indent=1, ensure_ascii=False) + "\n"


def rounded(value):
    """Floats with four significant places or a tenth, whichever is finer: more would be noise."""
    if isinstance(value, float):
        return round(value, 1) if abs(value) >= 1000 else float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return value
