"""What a setup that speaks TLS and HTTP/2 gets for that: a certificate and ports.

The certificate is made by openssl(1) for this run: ECDSA with P-256, for 127.0.0.1, as its own authority.
"""

import os
import ssl
import subprocess

import machine


class Secure:
    """What a setup listens on beside its plain port."""

    def __init__(self, folder):
        self.port, self.h2c_port = machine.free_port(), machine.free_port()
        self.certificate, self.key = (os.path.join(folder, name) for name in ("certificate.pem", "key.pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout",
             self.key, "-out", self.certificate, "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True)

    def context(self):
        return ssl.create_default_context(cafile=self.certificate)
