package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"vbfs/index"
)

// maxRequest is the length of the largest read in bytes: Linux sends no more than 1 MiB.
const maxRequest = 1 << 20

// maxBackground is how many reads ahead the kernel sends at once. Its own 12 are for one reader; of parallel ones, each has
// 4 in flight.
const maxBackground = 64

// A Mounted is a repository that is mounted.
type Mounted struct {
	server *fuse.Server
	point  string
	served chan struct{} // closed when the kernel has let go of the mount
}

// Mount lists the points, so that a repository that cannot be read is told of now, and mounts the repository on an empty
// directory: ErrMountPoint otherwise. repo has to stay open until the mount has ended.
func Mount(ctx context.Context, mountpoint string, repo *index.Repository, o Options) (*Mounted, error) {
	if err := checkMountPoint(mountpoint); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	t, err := newTree(repo, o.OnError)
	if err != nil {
		return nil, err
	}
	if _, err := t.listing(ctx); err != nil {
		return nil, err
	}
	raw := fusefs.NewNodeFS(newRoot(t), &fusefs.Options{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())})
	server, err := fuse.NewServer(raw, mountpoint, mountOptions(o))
	if err != nil {
		return nil, fmt.Errorf("mount on %s: %w", mountpoint, err)
	}
	m := &Mounted{server: server, point: mountpoint, served: make(chan struct{})}
	go func() {
		defer close(m.served)
		server.Serve()
	}()
	if err := server.WaitMount(); err != nil {
		return nil, errors.Join(fmt.Errorf("mount on %s: %w", mountpoint, err), m.Unmount())
	}
	return m, nil
}

func mountOptions(o Options) *fuse.MountOptions {
	return &fuse.MountOptions{
		AllowOther:           o.AllowOther,
		Debug:                o.Debug,
		Name:                 "vbfs",
		FsName:               "vbfs",
		Options:              []string{"ro"},
		DirectMount:          true, // as root; others go by fusermount3
		MaxBackground:        maxBackground,
		MaxWrite:             maxRequest,
		MaxReadAhead:         maxRequest,
		EnableSymlinkCaching: true,
		DisableSplice:        true, // a full request and its header do not fit a pipe
		PanicHandler: func(v any) fuse.Status {
			o.OnError(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
			return fuse.EIO
		},
	}
}

// Wait returns when the mount was ended from outside, or ends it when ctx does.
func (m *Mounted) Wait(ctx context.Context) error {
	select {
	case <-m.served:
		return nil
	case <-ctx.Done():
		return m.Unmount()
	}
}

// letGo is how long readers have to finish when a mount ends that is in use.
const letGo = 2 * time.Second

// Unmount ends the mount. One that is in use is taken out of the tree all the same; when its files do not get closed
// soon, the error is ErrBusy.
//
// A mount whose files are all closed can be in use, too: in the mount namespace of a container or a service that began while
// it was there, which has a copy of it. The server's Unmount waits for that one to go, so it is not waited for.
func (m *Mounted) Unmount() error {
	out := make(chan error, 1)
	go func() { out <- m.takeOut() }()
	select {
	case <-m.served:
		return <-out
	case err := <-out:
		if err != nil {
			return fmt.Errorf("unmount %s: %w", m.point, err)
		}
	case <-time.After(letGo):
	}
	select {
	case <-m.served:
		return nil
	case <-time.After(letGo):
		return fmt.Errorf("unmount %s: %w", m.point, ErrBusy)
	}
}

// takeOut takes the mount out of the tree, in use or not.
func (m *Mounted) takeOut() error {
	if m.server.Unmount() == nil {
		return nil
	}
	if err := detach(m.point); !errors.Is(err, syscall.EINVAL) { // EINVAL: was unmounted meanwhile
		return err
	}
	return nil
}
