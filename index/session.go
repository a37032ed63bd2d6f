package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"vbfs/index/format"
	"vbfs/index/object"
)

// lease is after how long another host may try to break a session. It decides nothing about safety.
const lease = 24 * time.Hour

// openSession puts the session of a new point, then looks for others of the machine: of two that begin at once at least
// one sees the other, and the one with the larger ID gives way.
func (r *Repository) openSession(ctx context.Context, m *format.Manifest, base *format.Manifest) error {
	now := time.Now().UTC()
	s := format.Session{
		Point: m.Point, Machine: m.Machine, Name: m.MachineName, Host: hostname(), PID: int64(os.Getpid()),
		Boot: bootID(), Start: now, Lease: now.Add(lease),
	}
	if base != nil {
		s.Base = base.Point
	}
	name := sessionName(s.Point)
	b, err := r.ring.Seal(format.KindSession, name, s.Marshal())
	if err != nil {
		return err
	}
	if err := object.PutBytes(ctx, r.store, name, b); err != nil {
		return fmt.Errorf("open session: %w", err)
	}
	if err := r.giveWay(ctx, &s); err != nil {
		return errors.Join(err, r.dropSession(context.WithoutCancel(ctx), s.Point))
	}
	return nil
}

func (r *Repository) giveWay(ctx context.Context, mine *format.Session) error {
	sessions, err := r.Sessions(ctx)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if s.Point == mine.Point || s.Name != mine.Name {
			continue
		}
		if Alive(s) {
			if s.Start.After(mine.Start.Add(-time.Second)) && bytes.Compare(mine.Point[:], s.Point[:]) < 0 {
				continue // began together: the other one gives way
			}
			return fmt.Errorf("%s, by process %d on %s since %s: %w", s.Name, s.PID, s.Host, s.Start.Format(time.RFC3339), ErrLocked)
		}
		if err := r.Break(ctx, s); err != nil {
			return err
		}
	}
	return nil
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
	b, err := object.GetAll(ctx, r.store, name, maxSmall)
	if err != nil {
		return nil, fmt.Errorf("read session: %w", err)
	}
	body, err := r.ring.Open(format.KindSession, name, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var s format.Session
	if err := s.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &s, nil
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
