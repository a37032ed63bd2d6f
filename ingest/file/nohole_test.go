package file

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A holeless node is a file of a file system that does not know SEEK_DATA, and says so.
type holeless struct {
	fs.Inode
	plain []byte
}

func (n *holeless) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o400, uint64(len(n.plain))
	return 0
}

func (n *holeless) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (n *holeless) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	end := min(off+int64(len(dest)), int64(len(n.plain)))
	return fuse.ReadResultData(n.plain[min(off, end):end]), 0
}

func (n *holeless) Lseek(context.Context, fs.FileHandle, uint64, uint32) (uint64, syscall.Errno) {
	return 0, syscall.EINVAL
}

func TestFileSystemWithoutHoles(t *testing.T) {
	t.Parallel()
	plain := sample(3<<20 + 5)
	dir, err := os.MkdirTemp("", "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	root := &fs.Inode{}
	server, err := fs.Mount(dir, root, &fs.Options{OnAdd: func(ctx context.Context) {
		root.AddChild("disk", root.NewPersistentInode(ctx, &holeless{plain: plain}, fs.StableAttr{Mode: syscall.S_IFREG}), false)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Unmount() })
	path := filepath.Join(dir, "disk")
	conform(t, "fuse", path, "raw", plain)
	n := 0
	for e := range open(t, path, Options{}).Extents(t.Context()) {
		if n++; e.Zero || e.Len != int64(len(plain)) {
			t.Errorf("extent %+v", e)
		}
	}
	if n != 1 {
		t.Errorf("%d extents", n)
	}
}
