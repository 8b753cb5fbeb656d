"""RFC 9113 and RFC 7541 against a live daemon, case by case, over plain connections and over TLS."""

import ssl

from scene import HOST, expect


def plain(scene):
    """Each case of RFC 9113 and RFC 7541 by a peer that writes its own frames (HTTP/2 by prior knowledge)"""
    return conformance(scene, scene.plain, None)


def over_tls(scene):
    """The same over TLS, with HTTP/2 chosen by ALPN"""
    return conformance(scene, scene.port, scene.authority.context(["h2"]))


def conformance(scene, port, context):
    import cases
    import http2_peer
    import rfc7541
    import rfc9113_frames
    import rfc9113_messages

    daemon = scene.larder(scene.configuration(scene.origin()))
    failures, count = [], 0
    for case in [*rfc9113_frames.CASES, *rfc9113_messages.CASES, *rfc7541.CASES]:
        count += 1
        peer = http2_peer.Peer(port, context, HOST, within=4)
        try:
            cases.play(case, peer)
        except (AssertionError, OSError, ssl.SSLError) as error:
            what = f"nothing more came ({case.expectation.otherwise} was expected)" if isinstance(error, TimeoutError) else error
            failures.append(f"§{case.section} {case.sentence}: {what}")
        finally:
            peer.close()
        assert daemon.is_running, f"§{case.section} {case.sentence}: the daemon has ended\n{daemon.last_words()}"
    assert not failures, "\n".join([f"{len(failures)} of {count} cases:"] + failures)
    expect(scene.get("/size/10"), b"x" * 10)
    return f"{count} cases"


plain.__name__, over_tls.__name__ = "rfc9113", "rfc9113_over_tls"
CHECKS = [plain, over_tls]
