package ghettovcb

import (
	"archive/tar"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"
)

// An archive is a folder that ghettoVCB packed: tar -cz.
type archive struct {
	root *os.Root
	rel  string
	info fs.FileInfo
	mark []byte    // tells it from all others: length, beginning, and the sums at its end
	at   time.Time // of its first member, which is the folder
	err  error     // of its beginning
}

// openArchive looks at an archive's beginning and end. What is wrong with them is told later.
func openArchive(root *os.Root, rel string) (*archive, error) {
	a := &archive{root: root, rel: rel}
	info, err := root.Lstat(rel)
	if err != nil {
		return nil, err
	}
	a.info = info
	f, err := a.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const head, tail = 4096, 8
	b := make([]byte, head+tail)
	n, _ := f.ReadAt(b[:head], 0) // one that cannot be read has no mark, and is told of below
	m, _ := f.ReadAt(b[n:n+tail], max(info.Size()-tail, 0))
	a.mark = append(binary.LittleEndian.AppendUint64(nil, uint64(info.Size())), b[:n+m]...)
	first, err := a.first(f)
	if err != nil {
		a.err = fmt.Errorf("%s: %w", rel, err)
		return a, nil
	}
	a.at = first.ModTime
	return a, nil
}

func (a *archive) open() (*os.File, error) {
	f := &folder{root: a.root, rel: ".", entries: map[string]entry{a.rel: {info: a.info, mode: a.info.Mode(), size: a.info.Size()}}}
	return f.open(a.rel)
}

func (a *archive) first(f io.Reader) (*tar.Header, error) {
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, decoding(err)
	}
	h, err := tar.NewReader(z).Next()
	if err != nil {
		return nil, decoding(err)
	}
	return h, nil
}

// written is when the last file was added to the folder, else when the archive was written.
func (a *archive) written() time.Time {
	if a.err != nil {
		return a.info.ModTime()
	}
	return a.at
}

// decoding tells errors of what an archive holds from those of reading it.
func decoding(err error) error {
	var disk *fs.PathError
	var call syscall.Errno
	switch {
	case errors.As(err, &disk), errors.As(err, &call), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, ErrDamaged), errors.Is(err, ErrRefused), errors.Is(err, ErrSpace):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it was cut off", ErrDamaged)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}
