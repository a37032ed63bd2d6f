package vsphere

import (
	"bytes"
	"context"

	hyper "vbfs/hyper/vsphere"
)

// maxNVRAM bounds what is read of it, in bytes.
const maxNVRAM = 8 << 20

// nvram puts back what the firmware remembers, if the point has it.
func (old *oldMachine) nvram(ctx context.Context) error {
	content, name := old.m.Config(kindNVRAM), nvramFile(old.now)
	switch {
	case old.m.Alone:
		return nil
	case content == nil:
		old.note("its NVRAM stays as it is: the point has none")
		return nil
	}
	before, err := old.readNVRAM(ctx)
	if err != nil {
		return err
	}
	if bytes.Equal(before, content) {
		return nil
	}
	if before != nil {
		old.undo.Add(func(ctx context.Context) error { return old.conn.PutFile(ctx, old.now, name, before) })
	}
	return old.conn.PutFile(ctx, old.now, name, content)
}

// readNVRAM gives what is there, nil if the machine was never on.
func (old *oldMachine) readNVRAM(ctx context.Context) ([]byte, error) {
	for _, f := range old.now.Files {
		if f.Type != "nvram" || f.Size == 0 {
			continue
		}
		file, err := old.conn.OpenFile(ctx, old.now, f.Name)
		if err != nil {
			return nil, err
		}
		return file.All(ctx, maxNVRAM)
	}
	return nil, nil
}

// nvramFile is where a machine that may have been on has it: what its layout calls so.
func nvramFile(m *hyper.Machine) string {
	for _, f := range m.Files {
		if f.Type == "nvram" {
			return f.Name
		}
	}
	return nvramOf(m)
}
