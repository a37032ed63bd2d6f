package object_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"vbfs/index/object"
	"vbfs/index/object/objecttest"
)

// mountTmpfs mounts a file system of so many bytes; it needs root.
func mountTmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount tmpfs: %v", err)
		}
	})
	return dir
}

// TestLocalFull fills a small file system: the upload fails by name of the reason, leaves nothing, and gives its room back.
func TestLocalFull(t *testing.T) {
	for way, with := range ways {
		dir := mountTmpfs(t, "1m")
		l := with(openLocal(t, dir))
		objecttest.MustPut(t, l, "packs/a", make([]byte, 100<<10))
		if err := object.PutBytes(t.Context(), l, "packs/b", make([]byte, 2<<20)); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%s: put into a full file system: %v", way, err)
		}
		u, err := l.PutIfAbsent(t.Context(), "packs/c")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := u.Write(make([]byte, 2<<20)); err == nil || n >= 2<<20 {
			t.Errorf("%s: wrote %d bytes, %v", way, n, err)
		}
		if err := u.Commit(); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%s: commit after a failed write: %v", way, err)
		}
		if got := files(t, dir); !slices.Equal(got, []string{"packs/a"}) {
			t.Errorf("%s: files left: %q", way, got)
		}
		objecttest.MustPut(t, l, "packs/d", make([]byte, 700<<10))
	}
}

// loopback is a FUSE view of a directory in which the folder "broken" cannot be read.
type loopback struct{ *gofs.LoopbackNode }

func (n *loopback) WrapChild(_ context.Context, child gofs.InodeEmbedder) gofs.InodeEmbedder {
	return &loopback{child.(*gofs.LoopbackNode)}
}

func (n *loopback) OpendirHandle(ctx context.Context, flags uint32) (gofs.FileHandle, uint32, syscall.Errno) {
	if n.Path(n.Root()) == "packs/broken" {
		return nil, 0, syscall.EIO
	}
	return n.LoopbackNode.OpendirHandle(ctx, flags)
}

func mountLoopback(t *testing.T, dir string) string {
	t.Helper()
	root := &gofs.LoopbackRoot{Path: dir}
	root.RootNode = &loopback{&gofs.LoopbackNode{RootData: root}}
	mnt := t.TempDir()
	server, err := gofs.Mount(mnt, root.RootNode, &gofs.Options{MountOptions: fuse.MountOptions{DirectMount: true}})
	if err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return mnt
}

// TestLocalOnFUSE runs the suite on a file system that has neither O_TMPFILE nor much else.
func TestLocalOnFUSE(t *testing.T) {
	objecttest.Test(t, func(t *testing.T) object.Store { return openLocal(t, mountLoopback(t, t.TempDir())) })
}

// TestLocalUnreadable shows that a directory that cannot be read is an error, not an empty folder.
func TestLocalUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "packs", "broken"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := openLocal(t, mountLoopback(t, dir))
	objecttest.MustPut(t, l, "packs/a", nil)
	for _, prefix := range []string{"", "packs", "packs/broken"} {
		if err := listError(t.Context(), l, prefix); !errors.Is(err, unix.EIO) {
			t.Errorf("list %q: got error %v, want EIO", prefix, err)
		}
	}
}
