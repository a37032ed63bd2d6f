package nbdsrv

import (
	"context"
	"fmt"

	"vbfs/nbdsrv/proto"
)

// list answers LIST. Names go out as they come, so that a catalog of any length needs a batch of memory; the first
// batch that cannot be sent ends it.
func (h *handshake) list(ctx context.Context, o option) error {
	if len(o.payload) != 0 {
		h.refuse(o, proto.RepErrInvalid, "the option takes no data")
		return nil
	}
	for name, err := range h.srv.cat.Names(ctx) {
		if err != nil {
			return h.listFailed(ctx, o, err)
		}
		if len(name) > proto.MaxString {
			continue // the protocol cannot carry it
		}
		h.reply(o, proto.RepServer, proto.Listing{Name: name}.Append(nil))
		if len(h.out) < replyBatch {
			continue
		}
		if err := h.flush(); err != nil {
			return fmt.Errorf("list: %w", err)
		}
	}
	h.reply(o, proto.RepAck, nil)
	return nil
}

// listFailed ends a listing with an error instead of the acknowledgement: half a list must not pass for a whole one.
func (h *handshake) listFailed(ctx context.Context, o option, err error) error {
	err = fmt.Errorf("list exports: %w", err)
	if ctx.Err() != nil {
		return err
	}
	h.srv.opts.OnError(fmt.Errorf("client %s: %w", h.conn.RemoteAddr(), err))
	h.refuse(o, proto.RepErrPolicy, "the exports cannot be listed")
	return nil
}
