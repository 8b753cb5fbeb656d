"""What the origin of shared answers says, and what a client may conclude from it.

A representation is lines of 128 bytes, each with its own position and the tag, which says whose it is. The tag stands in a
field of the head too. So head and body have to belong together, and any stretch of a body shows where it came from and
where it belongs.

`Made` is the moment at which the origin answered, on the clock of the whole machine: whatever lives a second may be a HIT
for a second, and what a client asks to be new has to be newer than its question.
"""

import functools
import hashlib
import re
import time

LIFE_SECONDS = 1
STALE_WHILE_REVALIDATE_SECONDS = 2
STALE_IF_ERROR_SECONDS = 5
LINE = 128

# How a route of the scene treats what the origin says.
ROUTES = ["std", "force", "strict", "heuristic"]

# What the targets of one kind are answered with; their names say it to the origin.
KINDS = ["plain", "swr", "etag", "part", "vary", "search", "group", "post", "slow", "large", "private", "error", "mixed"]
SHAKY_KINDS = ["cut", "stall", "reset", "mixed"]

TAG = re.compile(r"(\S+) (\S+) content=(\S+) for=(\S+) language=(\S+) version=(\S+) length=(\d+)")
CACHE_STATUS = re.compile(r'larder(; (hit|stored|collapsed(=\?0)?|fwd=[a-z-]+|fwd-status=\d{3}|ttl=-?\d+|detail=[A-Za-z"-]+))*')


def now():
    return int(time.monotonic() * 1000)


def digest(content):
    return hashlib.md5(content).hexdigest()[:8] if content else "-"


@functools.lru_cache(512)
def representation(tag):
    """The whole body of a tag."""
    length = int(TAG.fullmatch(tag).group(7))
    lines = [f"{start:08d} {tag}".ljust(LINE - 1, ".").encode() + b"\n" for start in range(0, length, LINE)]
    return b"".join(line[:LINE - 1] + b"\n" for line in lines)[:length]


def strong_etag(tag):
    return '"' + hashlib.md5(tag.encode()).hexdigest() + '"'


def wanted_target(kind, target):
    """The part of a target that an answer with a rule of No-Vary-Search depends on: without the parameter x."""
    path, _, query = target.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("x=")] if kind == "search" else [query]
    return path + ("?" + "&".join(kept) if any(kept) else "")


def ranges_of(value, length):
    """First and last positions of what a Range field selects; None where it isn't one, [] where nothing can be given."""
    if not value.startswith("bytes="):
        return None
    wanted = []
    for part in value[6:].split(","):
        first, _, last = part.strip().partition("-")
        if not first:
            if int(last) and length:
                wanted.append((max(0, length - int(last)), length - 1))
        elif int(first) < length:
            wanted.append((int(first), min(int(last or length), length - 1)))
    return wanted
