package index

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"time"

	"vbfs/index/format"
	"vbfs/index/object"
)

// lease is after how long another host may try to break a session. It decides nothing about safety.
const lease = 24 * time.Hour

// Writers that begin at once may see each other and both give way: they try again after a moment of random length.
const (
	sessionTries  = 5
	sessionMoment = 300 * time.Millisecond
	together      = 2 * time.Second
)

// openSession puts the session of a new point, then looks for others of the machine. Of two writers that begin at once at
// least one sees the other, so never do both go on.
func (r *Repository) openSession(ctx context.Context, m *format.Manifest, base *format.Manifest) error {
	for try := 1; ; try++ {
		s, err := r.putSession(ctx, m, base)
		if err != nil {
			return err
		}
		other, err := r.otherWriter(ctx, s)
		if err == nil && other == nil {
			return nil
		}
		err = errors.Join(err, r.dropSession(context.WithoutCancel(ctx), s.Point))
		if err != nil || try == sessionTries || s.Start.Sub(other.Start) > together {
			return errors.Join(err, locked(other))
		}
		select {
		case <-time.After(rand.N(sessionMoment)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func locked(s *format.Session) error {
	if s == nil {
		return nil
	}
	return fmt.Errorf("%s, by process %d on %s since %s: %w", s.Name, s.PID, s.Host, s.Start.Format(time.RFC3339), ErrLocked)
}

func (r *Repository) putSession(ctx context.Context, m *format.Manifest, base *format.Manifest) (*format.Session, error) {
	now := time.Now().UTC()
	s := &format.Session{
		Point: m.Point, Machine: m.Machine, Name: m.MachineName, Host: hostname(), PID: int64(os.Getpid()),
		Boot: bootID(), Start: now, Lease: now.Add(lease),
	}
	if base != nil {
		s.Base = base.Point
	}
	if err := r.put(ctx, format.KindSession, sessionName(s.Point), s); err != nil {
		return nil, fmt.Errorf("open session: %w", err)
	}
	return s, nil
}

// otherWriter gives a live session of the same machine, and ends dead ones.
func (r *Repository) otherWriter(ctx context.Context, mine *format.Session) (*format.Session, error) {
	sessions, err := r.Sessions(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		if s.Point == mine.Point || s.Name != mine.Name {
			continue
		}
		if Alive(s) {
			return s, nil
		}
		if err := r.Break(ctx, s); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// Sessions lists the writers at work, and those that died.
func (r *Repository) Sessions(ctx context.Context) ([]*format.Session, error) {
	var out []*format.Session
	for info, err := range r.store.List(ctx, sessionsFolder) {
		if err != nil {
			return nil, fmt.Errorf("list sessions: %w", err)
		}
		s, err := r.session(ctx, info.Name)
		if errors.Is(err, object.ErrNotExist) {
			continue // ended since it was listed
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (r *Repository) session(ctx context.Context, name string) (*format.Session, error) {
	var s format.Session
	return &s, r.get(ctx, format.KindSession, name, &s)
}

// Alive tells whether a session's writer may still be at work: on this host its process, on another its lease.
func Alive(s *format.Session) bool {
	if s.Host != hostname() {
		return time.Now().Before(s.Lease)
	}
	if s.Boot != bootID() {
		return false
	}
	err := syscall.Kill(int(s.PID), 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// Break ends a session for good: VOID takes the place of its point, so that its writer, should it wake up, cannot commit.
// A point that was committed meanwhile stays.
func (r *Repository) Break(ctx context.Context, s *format.Session) error {
	name := pointName(r.ring.Tag(s.Machine), s.Point)
	b, err := r.ring.Seal(format.KindVoid, name, nil)
	if err != nil {
		return err
	}
	if err := object.PutBytes(ctx, r.store, name, b); err != nil && !errors.Is(err, object.ErrExists) {
		return fmt.Errorf("end the session of %s: %w", s.Name, err)
	}
	return r.dropSession(ctx, s.Point)
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// bootID tells one run of the host's kernel from another, so that a process ID of before a reboot means nothing.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
