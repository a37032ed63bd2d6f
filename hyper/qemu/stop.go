package qemu

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// Close ends the server: asks it to, which makes it write what it holds, and kills it when it does not. An error says
// that it ended badly, now or before; a writable image is then not to be trusted.
func (s *Server) Close() error {
	defer s.folder.Remove()
	if !s.terminate() {
		s.process.Kill()
		return fmt.Errorf("stop %s: %w after %v", s.tool, ErrKilled, s.stopTimeout)
	}
	if err := failure(s.process); !errors.Is(err, errEndedWell) {
		return fmt.Errorf("stop %s: %w", s.tool, err)
	}
	return nil
}

// terminate asks the server to end until it does, and gives up when it is time: the first signal may be forgotten.
func (s *Server) terminate() bool {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	timeout := time.After(s.stopTimeout)
	for {
		s.process.Signal(syscall.SIGTERM)
		select {
		case <-s.process.Ended:
			return true
		case <-again.C:
		case <-timeout:
			return false
		}
	}
}
