package nbdsrv

import "vbfs/nbdsrv/proto"

// check is the one door for requests: behind it each READ, BLOCK_STATUS and CACHE has a length and lies inside the
// export, and a READ is no longer than maxRequest. It allocates nothing.
func (t *session) check(r proto.Request) proto.Errno {
	switch r.Type {
	case proto.CmdRead:
		return t.checkRead(r)
	case proto.CmdBlockStatus:
		if !t.status || r.Flags&^proto.CmdFlagReqOne != 0 || !t.inside(r) {
			return proto.EINVAL
		}
	case proto.CmdCache:
		if r.Flags != 0 || !t.inside(r) {
			return proto.EINVAL
		}
	case proto.CmdFlush:
		if r.Flags != 0 || r.Offset != 0 || r.Length != 0 {
			return proto.EINVAL
		}
	case proto.CmdWrite, proto.CmdTrim, proto.CmdWriteZeroes:
		return proto.EPERM
	default:
		return proto.EINVAL
	}
	return proto.OK
}

// checkRead is check for READ. A length over the limit with DF is EOVERFLOW ("NBD_CMD_FLAG_DF").
func (t *session) checkRead(r proto.Request) proto.Errno {
	switch {
	case r.Flags&^proto.CmdFlagDF != 0, r.Flags != 0 && !t.structured, !t.inside(r):
		return proto.EINVAL
	case r.Length <= maxRequest:
		return proto.OK
	case r.Flags&proto.CmdFlagDF != 0:
		return proto.EOVERFLOW
	}
	return proto.EINVAL
}

// inside tells whether r is a range of at least a byte inside the export, without overflow.
func (t *session) inside(r proto.Request) bool {
	size := uint64(t.size)
	return r.Length > 0 && r.Offset < size && uint64(r.Length) <= size-r.Offset
}
