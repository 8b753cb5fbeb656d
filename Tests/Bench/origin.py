"""The origin: an nginx of its own with three JSON files, fresh for an hour, and a count of the requests it has seen.

The count is what tells a HIT from a MISS for every peer alike, whatever its headers say.
"""

import os
import re

import http_client
import machine
from peers.nginx import nginx_command
from peers.setup import find_program
from processes import Server

# Below this the origin has a KiB for every name.
NEW = "/hit/new-"
SIZES = {"1k.json": 1024, "64k.json": 64 * 1024, "1m.json": 1024 * 1024}


class Origin:
    @staticmethod
    def missing():
        return None if find_program("nginx") else "nginx"

    def __init__(self, base_folder):
        folder = os.path.join(base_folder, "origin")
        files = os.path.join(folder, "files")
        os.makedirs(files)
        for name, size in SIZES.items():
            with open(os.path.join(files, name), "wb") as file:
                file.write(json_of(size))
        self.log_path = os.path.join(folder, "requests.log")
        port = machine.free_port()
        arguments = nginx_command(folder, f"""
    log_format path $request_uri;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        open_file_cache max=16;
        add_header Cache-Control "max-age=3600";
        location ~ ^{NEW} {{ root {files}; try_files /1k.json =404; }}
        location /hit/ {{ alias {files}/; access_log {self.log_path} path; }}
        location /pass/ {{ alias {files}/; }}
        location = /count {{ stub_status; }}
    }}""")
        self.own_questions = 0
        self.server = Server(arguments, folder, port, machine.OTHER_CORES)
        try:
            self.server.wait_until(lambda port: http_client.get(port, "/hit/1k.json").status == 200)
        except BaseException:
            self.stop()
            raise

    @property
    def port(self):
        return self.server.port

    def requests_seen(self, path):
        """Requests since the start: of this path where it is one that the proxies cache, else of any.

        Cached paths are logged, which costs nothing as long as they are cached. The others would pay for it, so there
        the server's own counter has to do; it may still grow a little after a run of wrk has given up on its last
        requests.
        """
        if path.startswith("/hit/") and not path.startswith(NEW):
            with open(self.log_path) as file:
                return sum(line.strip() == path for line in file)
        text = http_client.get(self.port, "/count").body.decode()
        self.own_questions += 1
        return int(re.search(r"requests\s+\d+ \d+ (\d+)", text).group(1)) - self.own_questions

    def stop(self):
        self.server.stop()


def size_of(path):
    return SIZES["1k.json" if path.startswith(NEW) else path.rpartition("/")[2]]


def json_of(size):
    """A JSON array of small records, padded with blanks before its end to be exactly `size` bytes."""
    records = []
    length = 2
    while True:
        number = len(records)
        record = f'{{"id":{number},"title":"Task {number}","done":{"true" if number % 3 else "false"}}}'
        if length + len(record) + 1 > size:
            break
        records.append(record)
        length += len(record) + 1
    body = "[" + ",".join(records)
    return (body + " " * (size - len(body) - 1) + "]").encode()
