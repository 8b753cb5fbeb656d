"""What clients of other people's making get over TLS and HTTP/2: curl, nghttp, Chromium, httpx, h2, websockets."""

import asyncio
import re
import socket

from scene import HOST, expect, program, run


def curl(scene):
    """curl gets the same over HTTP/1.1, HTTP/2 (ALPN) and HTTP/2 by prior knowledge, and a small and a large body back"""
    program("curl", "curl")
    scene.larder(scene.configuration(scene.origin()))
    show = ["-sS", "--max-time", "20", "-o", scene.folder / "body", "-w", "%{http_version} %{response_code} %{size_download}"]
    for size in (0, 1024, 65536, 3_000_000):
        path = f"/size/{size}"
        for arguments, version in (
            (["--http1.1", *scene.to_host, scene.url + path], "1.1"),
            (["--http2", *scene.to_host, scene.url + path], "2"),
            (["--tls-max", "1.2", *scene.to_host, scene.url + path], "2"),
            (["--http2-prior-knowledge", f"http://127.0.0.1:{scene.plain}{path}"], "2"),
            (["--http1.1", f"http://127.0.0.1:{scene.plain}{path}"], "1.1"),
        ):
            for _ in range(2):
                finished = run("curl", *show, *arguments)
                expect(finished.stdout, f"{version} 200 {size}", f"curl {arguments[0]} {path} {finished.stderr}")
    content = scene.folder / "content"
    content.write_bytes(bytes(range(256)) * 8192)
    for version in ("--http1.1", "--http2"):
        finished = run("curl", *show, version, *scene.to_host, "--data-binary", f"@{content}", f"{scene.url}/echo")
        assert finished.stdout.endswith(" 200 2097152"), finished.stdout + finished.stderr
        assert (scene.folder / "body").read_bytes() == content.read_bytes(), "the content came back changed"


def nghttp(scene):
    """nghttp gets 100 responses over one connection, and its statistics say so"""
    nghttp = program("nghttp", "nghttp2-client")
    scene.larder(scene.configuration(scene.origin()))
    urls = [f"https://127.0.0.1:{scene.port}/size/{number}" for number in range(100)]
    finished = run(nghttp, "-ns", "--no-verify-peer", *urls)
    codes = re.findall(r"^\s*\d+\s+\S+\s+\S+\s+\S+\s+(\d{3})\s", finished.stdout, re.MULTILINE)
    expect(codes, ["200"] * 100, finished.stdout[-500:] + finished.stderr)


def report_of(scene, path):
    """What a page in Chromium says in its element `report`."""
    finished = run(
        program("chromium", "chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors", "--no-proxy-server",
        f"--user-data-dir={scene.folder / 'profile'}", f"--host-resolver-rules=MAP {HOST} 127.0.0.1",
        "--virtual-time-budget=20000", "--dump-dom", scene.url + path, within=120)
    found = re.search(r'<pre id="report">(.*?)</pre>', finished.stdout)
    assert found, f"no report of the page:\n{finished.stdout[-500:]}\n{finished.stderr[-1500:]}"
    return found.group(1)


def chromium(scene):
    """Chromium loads a page with 200 resources over HTTP/2, all of them over one protocol and none lost"""
    scene.larder(scene.configuration(scene.origin()))
    expect(report_of(scene, "/page"), '{"h2":201} of 200')
    expect(scene.stats()["totals"]["tls"]["failed"], 0, "failed handshakes")


def httpx(scene):
    """httpx: 300 requests at once over HTTP/2, content in both directions"""
    import httpx

    scene.larder(scene.configuration(scene.origin()))

    async def ask():
        async with httpx.AsyncClient(http2=True, verify=scene.authority.context(), timeout=30) as client:
            url = f"https://127.0.0.1:{scene.port}"
            responses = await asyncio.gather(*(client.get(f"{url}/size/{number * 1000}") for number in range(300)))
            versions = {response.http_version for response in responses}
            lengths = [len(response.content) for response in responses]
            echo = await client.post(f"{url}/echo", content=b"abc" * 100_000)
        return versions, lengths, echo.content

    versions, lengths, echo = asyncio.run(ask())
    expect(versions, {"HTTP/2"})
    expect(lengths, [number * 1000 for number in range(300)])
    expect(echo, b"abc" * 100_000)


def h2(scene):
    """Python's h2 (strict about what it receives) over TLS: a small window, many streams, a ping, a goodbye"""
    import h2.config
    import h2.connection
    import h2.events
    import h2.settings

    scene.larder(scene.configuration(scene.origin()))
    with socket.create_connection(("127.0.0.1", scene.port), 20) as plain:
        with scene.authority.context(["h2"]).wrap_socket(plain, server_hostname=HOST) as connection:
            expect(connection.selected_alpn_protocol(), "h2")
            session = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
            session.initiate_connection()
            session.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 5000})
            session.ping(b"12345678")
            for stream in range(1, 101, 2):
                session.send_headers(stream, [(":method", "GET"), (":scheme", "https"), (":authority", HOST),
                                              (":path", "/size/40000")], end_stream=True)
            connection.sendall(session.data_to_send())
            lengths, ended, pinged = dict.fromkeys(range(1, 101, 2), 0), set(), False
            while len(ended) < 50 or not pinged:
                for event in session.receive_data(connection.recv(65536)):
                    if isinstance(event, h2.events.ResponseReceived):
                        expect(dict(event.headers)[":status"], "200")
                    elif isinstance(event, h2.events.DataReceived):
                        lengths[event.stream_id] += len(event.data)
                        session.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, h2.events.StreamEnded):
                        ended.add(event.stream_id)
                    elif isinstance(event, h2.events.PingAckReceived):
                        pinged = True
                    else:
                        assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), event
                connection.sendall(session.data_to_send())
            expect(set(lengths.values()), {40000})


def websockets(scene):
    """websockets: messages of all sizes through TLS and back"""
    from websockets.sync.client import connect

    scene.larder(scene.configuration(scene.origin("websocket")))
    with connect(f"wss://{HOST}:{scene.port}/ws/echo", ssl=scene.authority.context(), server_hostname=HOST, max_size=1 << 24,
                 sock=socket.create_connection(("127.0.0.1", scene.port), 20)) as connection:
        for message in ("hello", "", "é" * 70_000, b"\0" * 125, b"y" * 8_000_000):
            connection.send(message)
            assert connection.recv(timeout=20) == message, f"a message of {len(message)} came back changed"
        assert connection.ping().wait(20), "no pong"


def chromium_websocket(scene):
    """A page in Chromium opens a WebSocket over the HTTP/2 connection that it came by (RFC 8441), and gets its message back"""
    scene.larder(scene.configuration(scene.origin(), websocket=scene.origin("websocket")))
    expect(report_of(scene, "/socket"), "h2 100000")
    # The page, its image, the socket.
    totals = scene.stats()["totals"]
    expect(totals["http2"]["requests"], 3, f"requests over HTTP/2, of {totals['requests']}")


CHECKS = [curl, nghttp, chromium, chromium_websocket, httpx, h2, websockets]
