package ghettovcb

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// unpack writes what an archive holds of a machine to files without names, below the scratch directory. All of it is read:
// its checksum has to be right.
func (a *archive) unpack(ctx context.Context, scratch string) (*folder, error) {
	f, err := a.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	u := &unpacking{ctx: ctx, scratch: scratch, out: &folder{entries: map[string]entry{}}}
	if err := u.room(a.info.Size()); err != nil { // packed disks hardly become smaller
		return nil, fmt.Errorf("%s: %w", a.rel, err)
	}
	if err := u.all(bufio.NewReaderSize(f, 1<<20)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", a.rel, decoding(err)), u.out.close())
	}
	return u.out, nil
}

// An unpacking is an archive on its way to the scratch directory.
type unpacking struct {
	ctx     context.Context // of the call that made it: it does not outlive that
	scratch string
	out     *folder
	top     string // the folder in the archive
	members int
	read    int64 // bytes of the tar
	z       *gzip.Reader
}

// maxPadding is what may be behind the end of a tar, in bytes: tar fills its last record, of 10 KiB by default.
const maxPadding = 1 << 20

func (u *unpacking) all(r io.Reader) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	u.z = z
	members := tar.NewReader(u)
	for {
		before := u.read
		h, err := members.Next()
		if errors.Is(err, io.EOF) {
			return u.ended(u.read - before)
		}
		if err != nil {
			return err
		}
		if u.members++; u.members > maxEntries {
			return fmt.Errorf("%w: it has more than %d members", ErrRefused, maxEntries)
		}
		if err := u.member(h, members); err != nil {
			return err
		}
	}
}

// Read reads the tar.
func (u *unpacking) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := u.z.Read(p)
	u.read += int64(n)
	return n, err
}

// ended holds that the tar ended as one does, with two blocks of zeros, not in between two members; and that its sum is right.
func (u *unpacking) ended(behind int64) error {
	if behind < 2*sector || u.members == 0 {
		return fmt.Errorf("%w: it was cut off", ErrDamaged)
	}
	n, err := io.CopyN(io.Discard, u, maxPadding)
	if n == maxPadding {
		return fmt.Errorf("%w: it goes on behind its end", ErrDamaged)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// member takes one member of the tar.
func (u *unpacking) member(h *tar.Header, r io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name := path.Clean(h.Name)
	if path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") || strings.Contains("/"+h.Name+"/", "/../") {
		return fmt.Errorf("%w: member %q leads out of its folder", ErrRefused, h.Name)
	}
	top, file, _ := strings.Cut(name, "/")
	if u.top == "" {
		u.top = top
	}
	switch {
	case top != u.top:
		return fmt.Errorf("%w: member %q is not of the folder %q", ErrRefused, h.Name, u.top)
	case h.Typeflag == tar.TypeDir:
		return nil
	case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse || file == "":
		return fmt.Errorf("%w: member %q is no file and no folder", ErrRefused, h.Name)
	case h.Size > maxFile:
		return fmt.Errorf("%w: member %q has %d bytes", ErrRefused, h.Name, h.Size)
	}
	if _, ok := u.out.entries[file]; ok {
		return fmt.Errorf("%w: member %q is there twice", ErrRefused, h.Name)
	}
	if !wanted(file) {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	return u.keep(file, h, r)
}

// maxFile bounds a file, in bytes: VMware's largest disk has 62 TiB.
const maxFile = 64 << 40

// wanted tells which files of a folder have to do with the machine.
func wanted(file string) bool {
	return hasSuffix(file, ".vmdk") || hasSuffix(file, ".vmx") || hasSuffix(file, ".nvram") || strings.HasPrefix(path.Base(file), "STATUS.")
}
