"""An origin over TLS: `tls_origin.py PORT CERT KEY [CLIENT_CA]`. A GET is answered with what was received of its head, or with as many
bytes as its path says; a POST with the SHA-256 of its content; /close with a body that ends with the connection, /cut with one that
should and doesn't, since TLS isn't ended. Each response says whether its connection's session was resumed."""

import hashlib
import http.server
import socket
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        name = self.path.strip("/").split("?")[0]
        if name in ("close", "cut"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 100_000)
            self.wfile.flush()
            if name == "close":
                self.connection.unwrap()
            # Without close_notify, and without a reset: what was sent arrives, and then the end of TCP's stream.
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        if name.isdigit():
            body = bytes(number * 31 % 251 for number in range(1_000)) * (int(name) // 1_000)
        else:
            body = str(self.headers).encode()
        self.answer(body)

    def do_POST(self):
        digest = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        while left:
            piece = self.rfile.read(min(left, 50_000))
            digest.update(piece)
            left -= len(piece)
        self.answer(digest.hexdigest().encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Resumed", str(self.connection.session_reused))
        self.send_header("X-Version", self.connection.version())
        self.send_header("X-Client", str(dict(x[0] for x in (self.connection.getpeercert() or {}).get("subject", ()))))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # The handshake is the connection's thread's, so that one that hangs holds up no other.
    def finish_request(self, request, address):
        try:
            request = context.wrap_socket(request, server_side=True)
        except (OSError, ssl.SSLError):
            return
        super().finish_request(request, address)

    def handle_error(self, request, address):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
if len(sys.argv) > 4:
    context.load_verify_locations(sys.argv[4])
    context.verify_mode = ssl.CERT_REQUIRED
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
