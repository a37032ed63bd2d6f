package vmdk

import (
	"path/filepath"
	"strings"

	"vbfs/restore"
	"vbfs/restore/raw"
)

// Flat is a disk in one file of its length, of type vmfs, as ESX has them: NAME.vmdk, NAME-flat.vmdk. The descriptor comes last.
type Flat struct {
	*raw.Target
	dir    string
	meta   Meta
	extent extent
	named  bool // the file of data has its name
	synced bool
}

var (
	_ restore.Target   = (*Flat)(nil)
	_ restore.Rereader = (*Flat)(nil)
)

// OpenFlat begins a disk in a folder, which has no files of these names. A thin one has room for what is data alone; else all is taken
// now, where the file system can.
func OpenFlat(dir string, m Meta, spec restore.Spec, thin bool) (*Flat, error) {
	m, err := m.withDefaults(spec.Size)
	if err != nil {
		return nil, err
	}
	m.Base = m.Base.With("thinProvisioned", map[bool]string{true: "1"}[thin])
	n := sectors(spec.Size)
	t := &Flat{dir: dir, meta: m, extent: extent{n, "VMFS", strings.TrimSuffix(m.Name, suffix) + "-flat" + suffix}}
	spec.Size, spec.Overwrite = n*sectorSize, false
	if !thin {
		spec.Data = spec.Size
	}
	if t.Target, err = raw.Open(filepath.Join(dir, t.extent.file), spec); err != nil {
		return nil, err
	}
	if !thin {
		err = t.Allocate()
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Sync makes the disk durable, and complete.
func (t *Flat) Sync() error {
	if err := t.Target.Sync(); err != nil {
		return err
	}
	t.named = true
	err := writeFile(filepath.Join(t.dir, t.meta.Name), t.meta.text("vmfs", []extent{t.extent}))
	t.synced = err == nil
	return err
}

// Close ends it. What is not complete is gone.
func (t *Flat) Close() error {
	err := t.Target.Close()
	if !t.named || t.synced {
		return err
	}
	if e := remove(filepath.Join(t.dir, t.extent.file)); err == nil {
		err = e
	}
	return err
}
