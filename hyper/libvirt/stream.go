package libvirt

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A stream is a connection of its own for the bytes of volumes, so that it can be ended at any time: the library's own streams know no
// end before theirs, no holes, and hold up what else its connection does. The library begins the connection, and leaves it to us.
//
//	call -> reply, then data and holes one way, then the end, and a reply
type stream struct {
	link   *link
	packs  *taker
	gone   func()                // nobody takes packets any more; once
	off    atomic.Pointer[error] // it was called off, for a reason, and is to end soon
	why    atomic.Pointer[error] // it was cut
	stop   func() bool           // ends the watch on the context
	busy   uint32                // the procedure whose stream is under way; 0: none
	idle   *time.Timer           // runs while the daemon is waited for
	serial uint32
	out    []byte   // the packet that is written
	early  []packet // of a stream whose call has no reply yet, as they came
}

// Procedures that have a stream, and the flag by which holes are told: libvirt, src/remote/remote_protocol.x, libvirt-storage.h.
const (
	procUpload   = 208
	procDownload = 209

	sparse = 1
)

// maxEarly bounds how many packets are kept that come before a reply, which is under way by then.
const maxEarly = 256

// idleTime bounds how long a daemon may take nothing and say nothing: storage that writes back what it was given makes it wait.
const idleTime = 5 * time.Minute

// stream makes a connection that ends with the context.
func (c *Conn) stream(ctx context.Context) (*stream, error) {
	l, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &stream{link: l, packs: &taker{make(chan []byte), make(chan struct{})}, serial: 1 << 30}
	s.gone = sync.OnceFunc(func() { close(s.packs.gone) })
	l.conn.taken.Store(s.packs)
	s.stop = context.AfterFunc(ctx, func() { s.callOff(context.Cause(ctx)) })
	s.idle = time.AfterFunc(idleTime, func() { s.cut(fmt.Errorf("%w: nothing came or went within %v", ErrTimeout, idleTime)) })
	s.idle.Stop()
	return s, nil
}

// graceTime bounds how long a stream goes on that was called off: until what is under way has come or gone, and the daemon knows.
const graceTime = 3 * time.Second

// callOff has whatever is tried next fail, and what is under way too if it does not end soon. The connection is not just closed: libvirtd
// 9.0 may crash when a client goes whose stream is about to begin, and all that others do there with it.
func (s *stream) callOff(why error) {
	if s.off.CompareAndSwap(nil, &why) {
		time.AfterFunc(graceTime, func() { s.cut(why) })
	}
}

// calledOff is why it was.
func (s *stream) calledOff() error {
	if why := s.off.Load(); why != nil {
		return *why
	}
	return nil
}

// cut ends the connection at once, for a reason that whatever is under way fails with.
func (s *stream) cut(why error) {
	if s.why.CompareAndSwap(nil, &why) {
		s.link.conn.Conn.Close()
	}
}

// close ends the connection. What was under way is called off by the daemon.
func (s *stream) close() {
	s.stop()
	s.callOff(ErrClosed)
	if s.busy != 0 && s.why.Load() == nil {
		_ = s.end(s.busy, statusError) // else it ends with the connection
	}
	s.idle.Stop()
	s.cut(ErrClosed)
	s.gone() // after which the library is told that the connection is gone, and ends what it has of it
}

// lost is why the connection ended.
func (s *stream) lost(err error) error {
	if why := s.why.Load(); why != nil {
		return *why
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// begin calls a procedure, and returns when its stream has begun. The daemon may send of it before it replies.
func (s *stream) begin(proc uint32, args []byte) error {
	if err := s.calledOff(); err != nil {
		return err
	}
	s.serial++
	s.early, s.busy = nil, proc
	if err := s.send(proc, typeCall, statusOK, args); err != nil {
		return err
	}
	var early []packet
	for len(early) < maxEarly {
		p, err := s.await(proc)
		if err != nil {
			return err
		}
		if p.kind == typeReply {
			s.early = early
			return nil
		}
		early = append(early, p)
	}
	return fmt.Errorf("%w: a stream without a reply", ErrProtocol)
}

// end ends the stream, after its end or before it, and drops what is still under way.
func (s *stream) end(proc, status uint32) error {
	if err := s.send(proc, typeStream, status, nil); err != nil {
		return err
	}
	for {
		p, err := s.await(proc)
		if err != nil && s.busy == 0 && status == statusError {
			return nil // it was called off, as was said
		}
		if err != nil || p.status == statusOK {
			return err
		}
	}
}

// waits bounds how long the daemon is waited for, until what it gives is called.
func (s *stream) waits() (no func() bool) {
	s.idle.Reset(idleTime)
	return s.idle.Stop
}

// await gives the next packet of a procedure's stream or what the daemon says is wrong.
func (s *stream) await(proc uint32) (packet, error) {
	if len(s.early) > 0 {
		p := s.early[0]
		s.early = s.early[1:]
		return p, nil
	}
	defer s.waits()()
	for {
		select {
		case b := <-s.packs.packets:
			p, ours, err := s.open(proc, b)
			if err != nil || ours {
				return p, err
			}
		case <-s.link.rpc.Disconnected():
			return packet{}, s.lost(errors.New("end of file"))
		}
	}
}

// refused tells of an error of the daemon's that came meanwhile, without waiting for one.
func (s *stream) refused(proc uint32) error {
	select {
	case b := <-s.packs.packets:
		_, _, err := s.open(proc, b)
		return err
	default:
		return nil
	}
}
