"""h2o with files: it has no cache of responses, so that it shows what TLS and HTTP/2 cost without one."""

import os

import origin as origins
from peers.setup import SECURE, Setup, find_program, first_version, write


class H2O(Setup):
    slug = "h2o"
    name = "h2o, files"
    cases = SECURE
    programs = ("h2o",)

    def version(self):
        return first_version([find_program("h2o"), "--version"])

    def secure_command(self, folder, port, origin_port, secure):
        files = os.path.join(folder, "files")
        os.mkdir(files)
        for name, size in origins.SIZES.items():
            with open(os.path.join(files, name), "wb") as file:
                file.write(origins.json_of(size))
        user = "user: root\n" if os.geteuid() == 0 else ""
        path = write(folder, "h2o.yaml", f"""{user}num-threads: 1
max-connections: 12000
http1-request-timeout: 300
http2-idle-timeout: 300
listen: {{host: 127.0.0.1, port: {port}}}
listen: {{host: 127.0.0.1, port: {secure.h2c_port}}}
listen:
  host: 127.0.0.1
  port: {secure.port}
  ssl: {{certificate-file: {secure.certificate}, key-file: {secure.key}}}
hosts:
  default:
    paths:
      /hit: {{file.dir: {files}}}
""")
        return [find_program("h2o"), "-c", path]
