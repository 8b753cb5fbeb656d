"""nginx with `proxy_cache`: one worker, files in the page cache, sendfile.

Debian's nginx.conf has `tcp_nopush on`. It makes a 1 KiB HIT cheaper (25 µs instead of 30), but a body just above the
loopback's segment size then waits 40 ms for an acknowledgement (64 KiB: 1,600 requests/s instead of 20,000, at 47 µs
instead of 31). So each size gets what is best for it.
"""

import os

from peers.setup import SECURE, Setup, find_program, first_version, write

MODULE_FOLDERS = ("/usr/lib/nginx/modules", "/usr/share/nginx/modules", "/usr/lib64/nginx/modules")


class NginxCache(Setup):
    slug = "nginx"
    name = "nginx proxy_cache"
    programs = ("nginx",)

    def version(self):
        return nginx_version()

    def command(self, folder, port, origin_port, redis_port):
        return nginx_command(folder, self.server(folder, f"listen 127.0.0.1:{port} backlog=4096;", origin_port))

    def server(self, folder, listen, origin_port):
        cache = os.path.join(folder, "cache")
        return f"""
    proxy_cache_path {cache} levels=1:2 keys_zone=bench:8m max_size=256m inactive=1h use_temp_path=off;
    upstream origin {{ server 127.0.0.1:{origin_port}; keepalive 64; keepalive_requests 1000000000; }}
    server {{
        {listen}
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_cache bench;
        location = /hit/1k.json {{ proxy_pass http://origin; }}
        location /hit/ {{ tcp_nopush off; proxy_pass http://origin; }}
        location /pass/ {{ proxy_cache off; proxy_pass http://origin; }}
    }}"""


class NginxSecure(NginxCache):
    slug = "nginx-tls"
    name = "nginx, TLS"
    cases = SECURE

    def secure_command(self, folder, port, origin_port, secure):
        return nginx_command(folder, self.server(folder, f"""listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{secure.h2c_port} http2 backlog=4096;
        listen 127.0.0.1:{secure.port} ssl http2 backlog=4096;
        ssl_certificate {secure.certificate};
        ssl_certificate_key {secure.key};
        ssl_protocols TLSv1.2 TLSv1.3;""", origin_port))


def nginx_version():
    return first_version([find_program("nginx"), "-v"])


def nginx_command(folder, servers, modules=()):
    """One worker in the foreground that logs no request and keeps connections for as long as the bench runs."""
    load = "".join(f"load_module {path};\n" for path in modules)
    user = "user root;\n" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"    {kind}_temp_path {os.path.join(folder, kind)};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = write(folder, "nginx.conf", f"""{load}{user}daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 12000; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    default_type application/json;
{temporary}{servers}
}}
""")
    return [find_program("nginx"), "-p", folder, "-e", "stderr", "-c", path]


def find_module(name):
    paths = (os.path.join(folder, name) for folder in MODULE_FOLDERS)
    return next((path for path in paths if os.path.exists(path)), None)
