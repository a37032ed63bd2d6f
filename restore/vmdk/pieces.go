package vmdk

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"vbfs/restore"
)

// maxPieces bounds a disk in pieces at 8 TiB, VMware's own limit for them; its tables take 512 MiB of memory if all of it is data.
const maxPieces = 8 << 40

// Pieces is a disk in sparse pieces of at most 2 GiB, twoGbMaxExtentSparse, which VMware calls 2gbsparse:
//
//	NAME.vmdk  NAME-s001.vmdk  NAME-s002.vmdk ...
//
// The descriptor comes last. No file of it is kept open, however many there are.
type Pieces struct {
	dir      string
	meta     Meta
	pieces   []*piece
	finished bool
	synced   bool
	reader   *Reader
}

var (
	_ restore.Target   = (*Pieces)(nil)
	_ restore.Rereader = (*Pieces)(nil)
)

// OpenPieces begins a disk in a folder, which has no files of these names.
func OpenPieces(dir string, m Meta, spec restore.Spec) (*Pieces, error) {
	if spec.Size <= 0 || spec.Size > maxPieces {
		return nil, fmt.Errorf("%w: a disk of %d bytes", ErrTooLarge, spec.Size)
	}
	m, err := m.withDefaults(spec.Size)
	if err != nil {
		return nil, err
	}
	m.Base = m.Base.With("thinProvisioned", "")
	t := &Pieces{dir: dir, meta: m}
	stem := strings.TrimSuffix(m.Name, suffix)
	for left := sectors(spec.Size); left > 0; left -= pieceSectors {
		name := fmt.Sprintf("%s-s%03d%s", stem, len(t.pieces)+1, suffix)
		p := newPiece(filepath.Join(dir, name), min(left, pieceSectors))
		if err := p.create(); err != nil {
			t.Close()
			return nil, err
		}
		t.pieces = append(t.pieces, p)
	}
	return t, nil
}

// suffix of all files of disks.
const suffix = ".vmdk"

// WriteAt implements io.WriterAt. Grains of zeros are left out.
func (t *Pieces) WriteAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		part := p[n:min(int64(len(p)), int64(n)+pieceSize-at%pieceSize)]
		if err := t.pieces[at/pieceSize].write(part, at%pieceSize); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

// Zero leaves the grains out, as they are in a new disk.
func (t *Pieces) Zero(off, n int64) error { return nil }

// finish writes the tables, and makes the pieces durable.
func (t *Pieces) finish() error {
	if t.finished {
		return nil
	}
	for _, p := range t.pieces {
		if err := p.finish(); err != nil {
			return err
		}
	}
	if err := writeFile(t.path(), t.text()); err != nil {
		return err
	}
	t.finished = true
	return nil
}

func (t *Pieces) path() string { return filepath.Join(t.dir, t.meta.Name) }

func (t *Pieces) text() []byte {
	var all []extent
	for _, p := range t.pieces {
		all = append(all, extent{p.sectors, "SPARSE", filepath.Base(p.path)})
	}
	return t.meta.text("twoGbMaxExtentSparse", all)
}

// Reread gives what QEMU finds in the files.
func (t *Pieces) Reread(ctx context.Context) (_ io.ReaderAt, err error) {
	if err := t.finish(); err != nil {
		return nil, err
	}
	t.reader, err = Read(ctx, t.path())
	return t.reader, err
}

// Sync makes the disk durable, and complete.
func (t *Pieces) Sync() error {
	err := t.finish()
	t.synced = err == nil
	return err
}

// Close ends it. What is not complete is gone.
func (t *Pieces) Close() (err error) {
	if t.reader != nil {
		err = t.reader.Close()
		t.reader = nil
	}
	if t.synced {
		return err
	}
	for _, p := range t.pieces {
		if e := remove(p.path); err == nil {
			err = e
		}
	}
	if t.finished { // else the descriptor is not this one's
		if e := remove(t.path()); err == nil {
			err = e
		}
	}
	return err
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
