"""Single requests to a loopback server, to see that it is up and that it answers rightly."""

import http.client
import socket
from collections import namedtuple

Answer = namedtuple("Answer", "status fields body")
SECONDS = 5


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def accepts(port):
    """Whether anything listens there."""
    with socket.create_connection(("127.0.0.1", port), SECONDS):
        return True
