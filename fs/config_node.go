package fs

import (
	"context"
	"fmt"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"vbfs/index/format"
)

// A configFolder is a point's config/: the files of the machine's configuration, as recorded.
type configFolder struct{ pointFolder }

func (f configFolder) identity() fusefs.StableAttr { return f.id(syscall.S_IFDIR, config) }

func (f configFolder) facts(context.Context) (int, time.Time, error) { return 0, f.point.Time, nil }

func (f configFolder) list(ctx context.Context) ([]fuse.DirEntry, error) {
	o, err := f.open(ctx, f.point)
	if err != nil {
		return nil, err
	}
	names := configNames(o.manifest).names
	out := make([]fuse.DirEntry, len(names))
	for i, name := range names {
		out[i] = entryOf(name, f.id(syscall.S_IFREG, config, name))
	}
	return out, nil
}

func (f configFolder) find(ctx context.Context, name string) (node, error) {
	content := func(ctx context.Context) ([]byte, error) { return f.content(ctx, name) }
	if _, err := content(ctx); err != nil {
		return nil, err
	}
	return f.text(content, config, name), nil
}

func (f configFolder) content(ctx context.Context, name string) ([]byte, error) {
	o, err := f.open(ctx, f.point)
	if err != nil {
		return nil, err
	}
	c, ok := configNames(o.manifest).of[name]
	if !ok {
		return nil, errAbsent
	}
	return c.Data, nil
}

// configNames gives the configuration files by name. One whose name cannot stand in a folder, or is taken, is called
// config-N by its place in the manifest: none is left out.
func configNames(m *format.Manifest) *shelf[*format.ConfigFile] {
	out := newShelf[*format.ConfigFile]()
	for i := range m.Configs {
		c := &m.Configs[i]
		name := c.Name
		if _, taken := out.of[name]; taken || !format.PathName(name) {
			name = fmt.Sprintf("config-%d", i)
		}
		out.put(name, c)
	}
	out.sort()
	return out
}
