"""Origins of the checks of TLS: `origin.py pages PORT` has a page with 200 resources and bodies by size, `origin.py websocket
PORT` returns each message of a WebSocket. Ends with the process that started it."""

import http.server
import socketserver
import sys
import time

RESOURCES = 200
PAGE = """<!DOCTYPE html>
<html><head><title>resources</title><link rel="icon" href="data:,">
<script>
addEventListener("load", () => setTimeout(() => {
    const entries = performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"));
    const report = {};
    for (const entry of entries) report[entry.nextHopProtocol] = (report[entry.nextHopProtocol] || 0) + 1;
    document.body.innerHTML = "<pre id=report>" + JSON.stringify(report) + " of " + loaded + "</pre>";
}, 0));
performance.setResourceTimingBufferSize(1000);
let loaded = 0;
</script></head><body>
RESOURCES
</body></html>
"""

# What comes back from a WebSocket, and over which protocol the page itself came. Chromium waits for the image alone.
SOCKET = """<!DOCTYPE html>
<html><head><title>socket</title><link rel="icon" href="data:,"></head><body><p id=place></p><img src="/slow/5">
<script>
const socket = new WebSocket("wss://" + location.host + "/ws/echo");
const say = text => document.getElementById("place").innerHTML = "<pre id=report>" + text + "</pre>";
socket.onopen = () => socket.send("h".repeat(100000));
socket.onerror = () => say("failed");
socket.onmessage = message => say(performance.getEntriesByType("navigation")[0].nextHopProtocol + " " + message.data.length);
</script></body></html>
"""


class Pages(http.server.BaseHTTPRequestHandler):
    """`/page`, and below it what that page loads; `/size/N` has N bytes. To POST, `Seen-…` has the fields
    that some checks are about."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/page":
            scripts = "\n".join(f'<script src="/resource/{number}.js"></script>' for number in range(RESOURCES))
            return self.respond("text/html", PAGE.replace("RESOURCES", scripts).encode())
        if self.path == "/socket":
            return self.respond("text/html", SOCKET.encode())
        if self.path.startswith("/resource/"):
            return self.respond("text/javascript", b"loaded += 1;\n")
        if self.path.startswith("/slow/"):
            time.sleep(int(self.path.rpartition("/")[2]))
        last = self.path.partition("?")[0].rpartition("/")[2]
        self.respond("application/json", b"x" * (int(last) if last.isdigit() else 100))

    def do_POST(self):
        """What came is returned."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        self.respond("application/octet-stream", content)

    def respond(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name in ("Host", "Cookie") if self.command == "POST" else ():
            for value in self.headers.get_all(name, []):
                self.send_header(f"Seen-{name}", value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512


def echo(port):
    from websockets.sync.server import serve

    def talk(connection):
        for message in connection:
            connection.send(message)

    with serve(talk, "127.0.0.1", port, max_size=1 << 24) as server:
        server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "websocket":
        echo(int(sys.argv[2]))
    else:
        Server(("127.0.0.1", int(sys.argv[2])), Pages).serve_forever()
