package nbdsrv

import (
	"context"
	"errors"
	"fmt"

	"vbfs/nbdsrv/proto"
)

// open opens the export called name, unless the option before has just done so: clients ask for SET_META_CONTEXT, INFO
// and GO of one export in a row.
func (h *handshake) open(ctx context.Context, name string) (Export, error) {
	if h.opened != nil && h.openedName == name {
		return h.opened, nil
	}
	if err := h.drop(); err != nil {
		return nil, err
	}
	e, err := h.srv.cat.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open export %q: %w", name, err)
	}
	h.opened, h.openedName = e, name
	return e, nil
}

// drop closes what open opened.
func (h *handshake) drop() error {
	e, name := h.opened, h.openedName
	h.opened, h.openedName = nil, ""
	if e == nil {
		return nil
	}
	if err := closeExport(e); err != nil {
		return fmt.Errorf("close export %q: %w", name, err)
	}
	return nil
}

// refuseExport answers an option whose export could not be opened. The client hears why only when the name is unknown;
// anything else is the operator's to know. The end of ctx ends the handshake.
func (h *handshake) refuseExport(ctx context.Context, o option, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if errors.Is(err, ErrUnknownExport) {
		h.refuse(o, proto.RepErrUnknown, "there is no such export")
		return nil
	}
	h.srv.opts.OnError(fmt.Errorf("client %s: %w", h.conn.RemoteAddr(), err))
	h.refuse(o, proto.RepErrUnknown, "the export cannot be opened")
	return nil
}
