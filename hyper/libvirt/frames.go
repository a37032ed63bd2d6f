package libvirt

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
)

// Bounds of a packet, its length word included: a header of 28 bytes; libvirt, src/rpc/virnetprotocol.x, VIR_NET_MESSAGE_MAX.
const (
	minPacket = 28
	maxPacket = 32<<20 + 4
)

// frames is a connection whose incoming packets say a length that is within bounds: the library allocates what they say.
type frames struct {
	net.Conn
	head    [4]byte
	pending []byte // of head, not read yet
	left    int    // bytes of the packet after its length word, not read yet
	dead    atomic.Bool
	taken   atomic.Pointer[taker] // nil: packets are the library's
}

// A taker gets whole packets, without their length word, in place of the library.
type taker struct {
	packets chan []byte
	gone    chan struct{} // closed: nobody takes any more
}

// Read and Write note that the connection is broken, which the library may miss.
func (f *frames) Read(p []byte) (int, error) {
	n, err := f.read(p)
	if err != nil {
		f.dead.Store(true)
	}
	return n, err
}

func (f *frames) Write(p []byte) (int, error) {
	n, err := f.Conn.Write(p)
	if err != nil {
		f.dead.Store(true)
	}
	return n, err
}

func (f *frames) read(p []byte) (int, error) {
	if len(f.pending) == 0 && f.left == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	if len(f.pending) > 0 {
		n := copy(p, f.pending)
		f.pending = f.pending[n:]
		return n, nil
	}
	n, err := f.Conn.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

// next reads the length of the packet that comes for the library. What comes when packets are taken is not the library's.
func (f *frames) next() error {
	for {
		if _, err := io.ReadFull(f.Conn, f.head[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(f.head[:])
		if n < minPacket || n > maxPacket {
			return fmt.Errorf("%w: a packet of %d bytes", ErrProtocol, n)
		}
		t := f.taken.Load()
		if t == nil {
			f.pending, f.left = f.head[:], int(n)-len(f.head)
			return nil
		}
		if err := t.take(f.Conn, int(n)-len(f.head)); err != nil {
			return err
		}
	}
}

// take reads a packet's n bytes and hands them over.
func (t *taker) take(conn io.Reader, n int) error {
	packet := make([]byte, n)
	if _, err := io.ReadFull(conn, packet); err != nil {
		return err
	}
	select {
	case t.packets <- packet:
		return nil
	case <-t.gone:
		return net.ErrClosed
	}
}
