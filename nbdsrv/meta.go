package nbdsrv

import (
	"context"
	"slices"

	"vbfs/nbdsrv/proto"
)

// allocation is the one metadata context there is ("base:allocation metadata context"), and allocationID the number by
// which replies name it.
const (
	allocation   = "base:allocation"
	allocationID = 1
)

// metaContext answers LIST_META_CONTEXT and SET_META_CONTEXT. A SET that fails has dropped what one before it chose.
func (h *handshake) metaContext(ctx context.Context, o option) error {
	set := o.code == proto.OptSetMetaContext
	if set {
		h.status, h.statusOf = false, ""
	}
	if !h.structured {
		h.refuse(o, proto.RepErrInvalid, "structured replies come first")
		return nil
	}
	req, err := proto.DecodeMetaRequest(o.payload)
	if err != nil {
		h.refuseMalformed(o, err)
		return nil
	}
	if _, err := h.open(ctx, req.Name); err != nil {
		return h.refuseExport(ctx, o, err)
	}
	if !set {
		h.listContexts(o, req.Queries)
		return nil
	}
	if slices.Contains(req.Queries, allocation) {
		h.status, h.statusOf = true, req.Name
		h.reply(o, proto.RepMetaContext, proto.MetaContext{ID: allocationID, Name: allocation}.Append(nil))
	}
	h.reply(o, proto.RepAck, nil)
	return nil
}

// listContexts tells of the context when a query matches it: no query at all and "base:" match everything there is.
func (h *handshake) listContexts(o option, queries []string) {
	matches := len(queries) == 0 || slices.Contains(queries, "base:") || slices.Contains(queries, allocation)
	if matches {
		h.reply(o, proto.RepMetaContext, proto.MetaContext{Name: allocation}.Append(nil))
	}
	h.reply(o, proto.RepAck, nil)
}
