# Reads an export over TLS and compares it with a plain file: tls.py SOCKET FILE CERTIFICATES
import sys
import nbd

socket, plain, certificates = sys.argv[1], open(sys.argv[2], "rb").read(), sys.argv[3]


def connect(certificates, tls):
    h = nbd.NBD()
    h.set_tls(tls)
    if certificates:
        h.set_tls_certificates(certificates)
        h.set_tls_verify_peer(False)  # the certificate names a host, the socket has none
    h.connect_unix(socket)
    return h


h = connect(certificates, nbd.TLS_REQUIRE)
assert h.get_tls_negotiated()
for off in range(0, len(plain), 1_000_003):
    n = min(1_000_003, len(plain) - off)
    assert h.pread(n, off) == plain[off:off + n]
h.shutdown()

try:
    connect(None, nbd.TLS_DISABLE)
    sys.exit("connected without TLS")
except nbd.Error:
    pass
