package nbdsrv

import (
	"context"
	"errors"
	"fmt"

	"vbfs/nbdsrv/proto"
)

// Block sizes told to clients, in bytes ("Block size constraints"). Any request is served; 4,096 is what guests align to.
const (
	minRequest       = 1
	preferredRequest = 4096
	maxRequest       = 32 << 20
)

// answer appends the replies to o and tells whether it chose an export, which ends the negotiation.
func (h *handshake) answer(ctx context.Context, o option) (chosen bool, err error) {
	if h.srv.opts.RequireTLS && !h.secure && o.code != proto.OptStartTLS && o.code != proto.OptAbort {
		if o.code == proto.OptExportName {
			return false, fmt.Errorf("without TLS: %w", errProtocol)
		}
		h.refuse(o, proto.RepErrTLSReqd, "this server wants STARTTLS first")
		return false, nil
	}
	switch o.code {
	case proto.OptExportName:
		return true, h.exportName(ctx, o)
	case proto.OptInfo, proto.OptGo:
		return h.info(ctx, o)
	}
	if o.tooBig {
		h.refuse(o, proto.RepErrTooBig, "the option is too long")
		return false, nil
	}
	switch o.code {
	case proto.OptAbort:
		return false, h.abort(o)
	case proto.OptList:
		return false, h.list(ctx, o)
	case proto.OptStartTLS:
		return false, h.startTLS(ctx, o)
	case proto.OptStructuredReply:
		h.structuredReply(o)
	case proto.OptListMetaContext, proto.OptSetMetaContext:
		return false, h.metaContext(ctx, o)
	default:
		h.refuse(o, proto.RepErrUnsup, "unknown option")
	}
	return false, nil
}

// abort acknowledges that the client gives up. Clients need not wait for that: whether it can be sent does not matter.
func (h *handshake) abort(o option) error {
	h.reply(o, proto.RepAck, nil)
	h.flush()
	return errAbort
}

// exportName chooses an export the old way, in which the server cannot refuse but by closing the connection.
func (h *handshake) exportName(ctx context.Context, o option) error {
	if o.tooBig || len(o.payload) > proto.MaxString {
		return fmt.Errorf("export name: %w", proto.ErrTooBig)
	}
	e, err := h.open(ctx, string(o.payload))
	if err != nil {
		return err
	}
	h.out = proto.AppendExportName(h.out, h.infoExport(e), !h.noZeroes)
	return nil
}

// info answers INFO and GO ("NBD_OPT_INFO", "NBD_OPT_GO"): they differ only in that GO chooses the export.
func (h *handshake) info(ctx context.Context, o option) (chosen bool, err error) {
	if o.tooBig {
		h.refuse(o, proto.RepErrTooBig, "the option is too long")
		return false, nil
	}
	req, err := proto.DecodeExportRequest(o.payload)
	if err != nil {
		h.refuseMalformed(o, err)
		return false, nil
	}
	e, err := h.open(ctx, req.Name)
	if err != nil {
		return false, h.refuseExport(ctx, o, err)
	}
	h.reply(o, proto.RepInfo, h.infoExport(e).Append(nil))
	h.reply(o, proto.RepInfo, proto.InfoBlockSize{Min: minRequest, Preferred: preferredRequest, Max: maxRequest}.Append(nil))
	for _, t := range req.Infos {
		h.infoText(o, t, e, req.Name)
	}
	h.reply(o, proto.RepAck, nil)
	return o.code == proto.OptGo, nil
}

// infoText appends the export's name or description when t asks for it and there is one.
func (h *handshake) infoText(o option, t proto.InfoType, e Export, name string) {
	text := ""
	switch t {
	case proto.InfoTypeName:
		text = name
	case proto.InfoTypeDescription:
		if d, ok := e.(interface{ Description() string }); ok {
			text = d.Description()
		}
	}
	if text != "" && len(text) <= proto.MaxString {
		h.reply(o, proto.RepInfo, proto.InfoText{Type: t, Text: text}.Append(nil))
	}
}

// infoExport is the export's size and what can be done with it. DF means something in structured replies only.
func (h *handshake) infoExport(e Export) proto.InfoExport {
	flags := proto.FlagHasFlags | proto.FlagReadOnly | proto.FlagCanMultiConn | proto.FlagSendCache
	if h.structured {
		flags |= proto.FlagSendDF
	}
	return proto.InfoExport{Size: uint64(e.Size()), Flags: flags}
}

// structuredReply turns structured replies on for the transmission.
func (h *handshake) structuredReply(o option) {
	if len(o.payload) != 0 {
		h.refuse(o, proto.RepErrInvalid, "the option takes no data")
		return
	}
	h.structured = true
	h.reply(o, proto.RepAck, nil)
}

// refuseMalformed answers an option whose payload could not be decoded.
func (h *handshake) refuseMalformed(o option, err error) {
	code := proto.RepErrInvalid
	if errors.Is(err, proto.ErrTooBig) {
		code = proto.RepErrTooBig
	}
	h.refuse(o, code, err.Error())
}
