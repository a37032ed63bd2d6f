# Reads an export in every way that libnbd knows and compares it with a plain file: libnbd.py SOCKET FILE
import errno
import random
import sys
import nbd

socket, plain = sys.argv[1], open(sys.argv[2], "rb").read()
size = len(plain)
rnd = random.Random(1)


def connect(structured=True, export="d"):
    h = nbd.NBD()
    h.set_export_name(export)
    h.set_request_structured_replies(structured)
    if structured:
        h.add_meta_context("base:allocation")
    h.set_strict_mode(0)  # let wrong requests reach the server
    h.connect_unix(socket)
    assert h.get_size() == size
    assert h.get_structured_replies_negotiated() == structured
    return h


def refused(number, call, *args):
    try:
        call(*args)
    except nbd.Error as e:
        assert e.errnum == number, (e.errnum, number, args)
        return
    assert False, (args, "was not refused")


def random_range(longest):
    off = rnd.randrange(size)
    return off, 1 + rnd.randrange(min(longest, size - off))


for structured in (True, False):
    h = connect(structured)
    for _ in range(100):
        off, n = random_range(200_000)
        assert h.pread(n, off) == plain[off:off + n]
    refused(errno.EINVAL, h.pread, 10, size - 5)
    refused(errno.EPERM, h.pwrite, b"x" * 100, 0)
    refused(errno.EPERM, h.trim, 512, 0)
    refused(errno.EPERM, h.zero, 512, 0)
    h.cache(4096, 0)
    h.flush()
    assert h.pread(5, 7) == plain[7:12]
    h.shutdown()

h = connect()
assert h.can_df() and h.can_multi_conn() and h.is_read_only()
for _ in range(100):
    off, n = random_range(200_000)
    chunks = []

    def chunk(buf, at, status, err):
        assert status != nbd.READ_ERROR
        chunks.append((at, len(buf), status))
        if status == nbd.READ_HOLE:
            assert not any(plain[at:at + len(buf)])
        else:
            assert bytes(buf) == plain[at:at + len(buf)]

    h.pread_structured(n, off, chunk)
    assert sum(c[1] for c in chunks) == n
    chunks.clear()
    h.pread_structured(n, off, chunk, nbd.CMD_FLAG_DF)
    assert chunks == [(off, n, nbd.READ_DATA)]

for flags in (0, nbd.CMD_FLAG_REQ_ONE):
    for _ in range(100):
        off, n = random_range(size)
        extents = []
        h.block_status(n, off, lambda name, at, e, err: extents.extend(e), flags)
        lengths, states = extents[0::2], extents[1::2]
        assert sum(lengths) <= n and (flags == 0 or len(lengths) == 1)
        for length, state in zip(lengths, states):
            assert state == 0 or not any(plain[off:off + length])
            off += length
h.shutdown()

# The old way to choose an export, with and without the zeroes that follow it.
for flags in (0, nbd.HANDSHAKE_FLAG_NO_ZEROES):
    h = nbd.NBD()
    h.set_handshake_flags(flags)
    h.set_request_structured_replies(False)
    h.set_export_name("d")
    h.connect_unix(socket)
    assert h.get_size() == size and h.pread(1000, 70_000) == plain[70_000:71_000]
    h.shutdown()

h = nbd.NBD()  # a client that only looks around
h.set_opt_mode(True)
h.connect_unix(socket)
names, contexts = [], []
h.opt_list(lambda name, description: names.append(name))
assert names == ["d"], names
refused(errno.ENOENT, h.opt_info)  # the empty name is no export here
h.set_export_name("d")
h.opt_info()
assert h.get_size() == size
h.opt_list_meta_context(contexts.append)
assert contexts == ["base:allocation"], contexts
h.opt_abort()
