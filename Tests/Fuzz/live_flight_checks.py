"""What holds for every answer that others may have shared."""

import re

from live_flight_messages import (CACHE_STATUS, LIFE_SECONDS, STALE_IF_ERROR_SECONDS, STALE_WHILE_REVALIDATE_SECONDS, TAG,
                                  ranges_of, representation, wanted_target)

VERDICTS = {"HIT", "STALE", "REVALIDATED", "MISS", "BYPASS"}
SLACK = 60  # milliseconds
PART = re.compile(rb"bytes (\d+)-(\d+)/(\d+)")
ONE_PART = re.compile(rb"bytes (\d+)-(\d+)/(\d+|\*)")


def fault_in_flight_answer(answer, asked):
    """What is wrong with it, as a sentence, or None."""
    text = {name: value.decode("latin-1") for name, value in answer.fields.items()}
    verdict, status = text.get("x-cache"), text.get("cache-status", "")
    words = status.split("; ")
    if verdict not in VERDICTS or not CACHE_STATUS.fullmatch(status):
        return f"X-Cache {verdict}, Cache-Status {status!r}"
    if ("hit" in words) != (verdict in ("HIT", "STALE")) and not ("detail=" in status and "fwd=" in status):
        return f"X-Cache {verdict} beside Cache-Status {status!r}"
    if asked.version == "1.0" and "transfer-encoding" in text:
        return "chunks for HTTP/1.0"
    if text.get("content-type", "").startswith("application/problem+json"):
        return fault_in_problem(answer, asked)
    if asked.path.startswith("/flight/heuristic") and ("cache-tag" in text or "surrogate-key" in text or "xkey" in text):
        return "tags reach a client"
    if text.get("seen") and verdict != "BYPASS":
        return f"the origin of a strict route has seen {text['seen']}"
    fault = fault_in_cookie(text, asked, verdict) or fault_in_tag(answer, text, asked, verdict, words)
    if fault:
        return fault
    fault = fault_in_time(answer, text, asked, verdict, words)
    return fault or fault_in_body(answer, text, asked)


def fault_in_problem(answer, asked):
    if answer.status == 504 and asked.control == "only-if-cached" or answer.status == 416 and asked.range:
        return None
    if asked.path.startswith("/shaky") and answer.status in (502, 503, 504):
        return None
    return f"an orderly answer becomes {answer.status} {answer.body[:200]!r}"


def fault_in_cookie(text, asked, verdict):
    cookie = text.get("set-cookie")
    if cookie and verdict in ("HIT", "STALE"):
        return f"a {verdict} sets a cookie"
    names = (asked.asker, "nobody") if "/strict/" in asked.path else (asked.asker,)
    if cookie and cookie not in [f"asker={name}" for name in names]:
        return f"another request's cookie ({verdict})"
    return None


def fault_in_tag(answer, text, asked, verdict, words):
    if "tag" not in text:
        # A 304 has only what a cache needs (RFC 9110 §15.4.5), and what can't be satisfied has no part of the answer.
        is_allowed = asked.method == "HEAD" or answer.status == 304 and asked.condition or answer.status == 416 and asked.range
        return None if is_allowed else "an answer without a tag"
    match = TAG.fullmatch(text["tag"])
    if not match:
        return "a damaged tag"
    method, target, content, asker, language, _, _ = match.groups()
    shown = "GET" if asked.method == "HEAD" or asked.kind == "post" and asked.method == "POST" else asked.method
    if (method, content) != (shown, asked.content):
        return "another request's answer"
    if target not in (asked.target, wanted_target(asked.kind, asked.target)):
        return "another target's answer"
    if "no-vary-search" not in text and target != asked.target:
        return "an answer by a rule that it doesn't have"
    if language not in ("-", asked.language):
        return "another language's answer"
    if asked.method == "POST" and "collapsed" in words:
        return "a POST doesn't run"
    if asker == "-":
        return None
    if asker not in (asked.asker, "nobody" if "/strict/" in asked.path else "-"):
        return "another's private answer"
    if verdict in ("HIT", "STALE", "REVALIDATED") or "collapsed" in words:
        return "a private answer is shared"
    return None


def fault_in_time(answer, text, asked, verdict, words):
    """Lives end to the millisecond, and what was asked for anew is new."""
    made = text.get("made")
    if not made:
        return None if answer.status in (304, 416) else "an answer without its time"
    age = asked.sent - int(made)  # when the request was sent; later when it was answered
    # Where the origin is gone `max-age=0` doesn't forbid what is stored (RFC 9111 §4.2.4).
    if asked.control == "no-cache" and age > 0 or asked.control == "max-age=0" and verdict == "MISS" and age > SLACK:
        return f"{asked.control} is answered with what was {age} ms old"
    if asked.not_before is not None and int(made) < asked.not_before[0]:
        return f"an answer from {asked.not_before[0] - int(made)} ms before the client's own change of {asked.not_before[1]}"
    bound = LIFE_SECONDS
    if verdict == "STALE":
        detail = next((word[7:] for word in words if word.startswith("detail=")), "")
        extra = {"stale-while-revalidate": STALE_WHILE_REVALIDATE_SECONDS, "stale-if-error": STALE_IF_ERROR_SECONDS,
                 "max-stale": 1}
        if detail not in extra:
            return None
        bound += extra[detail]
    if verdict in ("HIT", "STALE") and age > bound * 1000 + SLACK:
        return f"a {verdict} is {age} ms old"
    if verdict in ("MISS", "REVALIDATED") and "collapsed" not in words and age > 0:
        return f"a {verdict} is {age} ms older than its request"
    return None


def fault_in_body(answer, text, asked):
    if asked.method == "HEAD" or answer.status == 304 or "tag" not in text:
        return None
    whole = representation(text["tag"])
    if answer.status == 206:
        return fault_in_parts(answer, text, asked, whole)
    body = answer.body
    if body != whole[:len(body)]:
        return f"bytes of something else: {first_difference(body, whole)}"
    if answer.is_complete and len(body) != len(whole):
        return f"a body that was cut short ends cleanly ({len(body)} of {len(whole)} bytes)"
    return None if answer.is_complete or asked.path.startswith("/shaky") else "an orderly answer is cut short"


def fault_in_parts(answer, text, asked, whole):
    wanted = ranges_of(asked.range, len(whole)) if asked.range else None
    if not wanted:
        return "a part that nobody asked for"
    if text.get("content-type", "").startswith("multipart/byteranges"):
        boundary = b"--" + text["content-type"].split("boundary=")[1].strip('"').encode()
        given = []
        for part in answer.body.split(boundary)[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            place = PART.search(head)
            given.append((int(place[1]), int(place[2])))
            if int(place[3]) != len(whole) or content[:-2] != whole[given[-1][0]:given[-1][1] + 1]:
                return f"a part at {place.group()!r} with other bytes"
        if len(given) != len(wanted):
            given, wanted = joined(given), joined(wanted)  # RFC 9110 §15.3.7.2: those that overlap may be given as one
        return None if given == wanted else f"parts {given} instead of {wanted}"
    # RFC 9110 §14.4: the length of what still arrives may not be known.
    place = ONE_PART.fullmatch(answer["content-range"] or b"")
    if not place or (int(place[1]), int(place[2])) not in joined(wanted) or place[3] not in (b"*", b"%d" % len(whole)):
        return f"Content-Range {text.get('content-range')} instead of {wanted}/{len(whole)}"
    expected = whole[int(place[1]):int(place[2]) + 1]
    if answer.body != expected[:len(answer.body)]:
        return f"a part with other bytes: {first_difference(answer.body, expected)}"
    if len(joined(wanted)) > 1:
        return f"one part of {wanted}"
    if len(answer.body) != len(expected):
        return "a part is cut short" if answer.is_complete or asked.path.startswith("/flight") else None
    return None


def joined(ranges):
    whole = []
    for first, last in sorted(ranges):
        if whole and first <= whole[-1][1] + 1:
            whole[-1] = (whole[-1][0], max(last, whole[-1][1]))
        else:
            whole.append((first, last))
    return whole


def first_difference(body, whole):
    place = next((index for index, (left, right) in enumerate(zip(body, whole)) if left != right), min(len(body), len(whole)))
    return f"{len(body)} of {len(whole)} bytes, from {place} on {body[place:place + 150]!r}"
