package libvirt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// A memory is the file of a domain in the state directory: who has it open works with the domain, and what it says is to be
// undone, should he be killed. It stays, empty, when there is nothing. nil remembers nothing.
type memory struct{ f *os.File }

// maxMemory bounds what is read of it, bytes.
const maxMemory = 1 << 10

func remember(dir, domain string) (*memory, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "libvirt-"+domain), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: another run has it, by %s", ErrBusy, f.Name())
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return &memory{f}, nil
}

// read gives what is to be undone, "" for nothing.
func (m *memory) read() (string, error) {
	if m == nil {
		return "", nil
	}
	b, err := io.ReadAll(io.NewSectionReader(m.f, 0, maxMemory))
	return string(b), err
}

// write says, durably, what is to be undone.
func (m *memory) write(what string) error {
	if m == nil {
		return nil
	}
	if err := m.f.Truncate(0); err != nil {
		return err
	}
	if _, err := m.f.WriteAt([]byte(what), 0); err != nil {
		return err
	}
	return m.f.Sync()
}

// close lets others work with the domain.
func (m *memory) close() {
	if m != nil {
		m.f.Close()
	}
}
