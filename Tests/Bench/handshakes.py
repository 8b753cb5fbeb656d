"""New connections over TLS, one after the other, each with one request: `handshakes.py PORT CERTIFICATE PATH SECONDS RESUMES`.

With RESUMES of 1 each one resumes the session of the one before. Prints how many there were, how many were resumed, the bytes
of the bodies, and the median and the 99th percentile of their times in microseconds.
"""

import socket
import ssl
import sys
import time

HOST = "127.0.0.1"
CLOSING = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def main(port, certificate, path, seconds, resumes):
    context = ssl.create_default_context(cafile=certificate)
    session, resumed, received, times = None, 0, 0, []
    deadline = time.monotonic() + seconds
    while (began := time.monotonic()) < deadline:
        with socket.create_connection((HOST, port), 5) as plain:
            # Or the request waits for the acknowledgement of what ended the handshake.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(plain, server_hostname=HOST, session=session, suppress_ragged_eofs=True) as connection:
                connection.sendall(CLOSING % path.encode())
                body = -1
                while piece := connection.recv(1 << 16):
                    # The head is at most what comes first.
                    body = len(piece) - piece.index(b"\r\n\r\n") - 4 if body < 0 else body + len(piece)
                received += body
                # The first one has nothing to resume, and isn't counted where others do.
                if session or not resumes:
                    resumed += connection.session_reused
                    times.append(time.monotonic() - began)
                else:
                    received = 0
                if resumes:
                    session = connection.session
    times.sort()
    place = len(times) // 2, len(times) * 99 // 100
    print(len(times), resumed, received, *(round(times[each] * 1e6) for each in place))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]), sys.argv[5] == "1")
