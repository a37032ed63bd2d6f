package libvirt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"vbfs/restore"
	"vbfs/restore/stage"
)

// putFile makes a file that is not there, durable and complete.
func putFile(path string, content []byte, overwrite bool) error {
	st, err := stage.New(path, restore.Spec{Data: int64(len(content)), Overwrite: overwrite})
	if err != nil {
		return err
	}
	defer st.Close()
	f, err := os.OpenFile(st.Path(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return st.Commit()
}

// A put is a recorded file on its way back.
type put struct {
	kind, path string
	content    []byte
}

// files chooses where the machine's recorded files go: a kernel, firmware and the like that is there as it was recorded
// stays where it is. Of firmware, the host's own, newer or older, does as well.
func (n *newMachine) files(ctx context.Context) (puts []put) {
	for _, f := range bootFiles(n.recorded.OS) {
		content := n.m.Config(f.kind)
		if *f.path == "" || content == nil {
			continue
		}
		if n.has(ctx, hasFile, *f.path) == there && (f.kind == kindLoader || n.holds(ctx, *f.path, content)) {
			continue
		}
		puts = append(puts, put{f.kind, n.host.path(n.name + "-" + filepath.Base(*f.path)), content})
	}
	if content := n.m.Config(kindNVRAM); content != nil {
		puts = append(puts, put{kindNVRAM, n.nvram(ctx, nvramPath(n.recorded.OS)), content})
	}
	return puts
}

// holds tells whether a file is what was recorded of it.
func (n *newMachine) holds(ctx context.Context, path string, content []byte) bool {
	b, err := n.host.read(ctx, path, int64(len(content))+1)
	return err == nil && bytes.Equal(b, content)
}

// nvram is where the firmware's variables go: to where they were, if nothing is there; else beside them or the disks, under
// the new name.
func (n *newMachine) nvram(ctx context.Context, recorded string) string {
	dir, base := filepath.Dir(recorded), n.name+"_VARS.fd"
	if recorded == "" || !filepath.IsAbs(recorded) || n.has(ctx, hasFile, dir) != there {
		return n.host.path(base)
	}
	for _, path := range []string{recorded, filepath.Join(dir, base)} {
		if (path != recorded || !n.fresh) && n.has(ctx, hasFile, path) == absent {
			return path
		}
	}
	return n.host.path(base)
}
