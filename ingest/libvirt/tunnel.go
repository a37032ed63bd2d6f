package libvirt

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"vbfs/hyper/libvirt"
)

// A tunnel leads from a Unix socket here to one on a remote host.
type tunnel struct {
	listener net.Listener
	stop     context.CancelFunc
	work     sync.WaitGroup
}

func newTunnel(socket string, conn *libvirt.Conn, remote string) (*tunnel, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	t := &tunnel{listener: l, stop: stop}
	t.work.Go(func() {
		for {
			here, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				t.work.Go(func() { carry(ctx, here, conn, remote) })
			}
		}
	})
	return t, nil
}

// carry moves bytes until one side ends. When there is no other side the client's connection ends, which it tells of.
func carry(ctx context.Context, here net.Conn, conn *libvirt.Conn, remote string) {
	defer here.Close()
	there, err := conn.DialSocket(ctx, remote)
	if err != nil {
		return
	}
	defer there.Close()
	stop := context.AfterFunc(ctx, func() { here.Close(); there.Close() })
	defer stop()
	var both sync.WaitGroup
	move := func(to, from net.Conn) {
		io.Copy(to, from) // however it ends, both ends go
		to.Close()
		from.Close()
	}
	both.Go(func() { move(here, there) })
	both.Go(func() { move(there, here) })
	both.Wait()
}

func (t *tunnel) close() {
	if t == nil {
		return
	}
	t.listener.Close()
	t.stop()
	t.work.Wait()
}
