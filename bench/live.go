package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"vbfs/libnbd"
)

// A live is the image at QEMU, with a dirty bitmap that tells of one block in a hundred.
type live struct {
	server  *server
	qmp     net.Conn
	answers *json.Decoder
	socket  string // of QEMU's NBD server
	changes []change
}

// bitmap is the bitmap's name.
const bitmap = "b0"

// goLive copies the image, gives the copy to QEMU, begins a bitmap and writes the changes.
func (l *lab) goLive(ctx context.Context) (*live, error) {
	copied := l.path("live")
	if err := finish(command(ctx, "cp", "--sparse=always", l.disk.path, copied)); err != nil {
		return nil, err
	}
	v := &live{socket: l.socket()}
	monitor := l.socket()
	var err error
	if v.changes, err = l.disk.changes(); err != nil {
		return nil, err
	}
	v.server, err = launch(ctx, command(ctx, "qemu-storage-daemon",
		"--blockdev", "driver=file,node-name=file,filename="+copied,
		"--blockdev", "driver=raw,node-name=disk,file=file",
		"--nbd-server", "addr.type=unix,addr.path="+v.socket,
		"--chardev", "socket,id=qmp,server=on,wait=off,path="+monitor, "--monitor", "chardev=qmp"), exists(monitor))
	if err != nil {
		return nil, err
	}
	if err := v.mark(monitor); err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

// mark has QEMU track the changes, and offers the bitmap.
func (v *live) mark(monitor string) (err error) {
	if v.qmp, err = net.Dial("unix", monitor); err != nil {
		return err
	}
	v.answers = json.NewDecoder(v.qmp)
	type args map[string]any
	return errors.Join(
		v.answer(), // the greeting
		v.do("qmp_capabilities", args{}),
		v.do("block-dirty-bitmap-add", args{"node": "disk", "name": bitmap, "granularity": 65536}),
		v.do("block-export-add", args{"type": "nbd", "id": "w", "node-name": "disk", "name": "w", "writable": true}),
		v.write(),
		v.do("block-dirty-bitmap-disable", args{"node": "disk", "name": bitmap}),
		v.do("block-export-add", args{"type": "nbd", "id": machine, "node-name": "disk", "name": machine, "bitmaps": []string{bitmap}}),
	)
}

func (v *live) do(command string, arguments map[string]any) error {
	if err := json.NewEncoder(v.qmp).Encode(map[string]any{"execute": command, "arguments": arguments}); err != nil {
		return err
	}
	return v.answer()
}

func (v *live) answer() error {
	for {
		var m struct{ Event, Error any }
		if err := v.answers.Decode(&m); err != nil {
			return fmt.Errorf("QMP: %w", err)
		}
		if m.Error != nil {
			return fmt.Errorf("QMP: %v", m.Error)
		}
		if m.Event == nil {
			return nil
		}
	}
}

// write makes the changes, as a guest does.
func (v *live) write() error {
	h, err := libnbd.Create()
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.ConnectUri(uri(v.socket, "w")); err != nil {
		return err
	}
	for _, c := range v.changes {
		if err := h.Pwrite(c.data, uint64(c.off), nil); err != nil {
			return err
		}
	}
	return h.Flush(nil)
}

func (v *live) close() error {
	if v.qmp != nil {
		v.qmp.Close()
	}
	return v.server.stop()
}
