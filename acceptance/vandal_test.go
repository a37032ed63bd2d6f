package acceptance

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// vandalize does to the table's segments what must not matter, until it is told to stop.
func vandalize(t *testing.T, dir string, stranger []byte) (stop func()) {
	t.Helper()
	done, ended := make(chan struct{}), make(chan struct{})
	rnd := rand.New(rand.NewPCG(*seed, 9))
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(30 * time.Millisecond):
			}
			names, err := filepath.Glob(filepath.Join(dir, "table/*.db"))
			if err != nil || len(names) == 0 {
				continue
			}
			other, err := os.ReadFile(names[rnd.IntN(len(names))])
			if err != nil || rnd.IntN(4) == 0 {
				other = stranger
			}
			if err := spoil(rnd, names[rnd.IntN(len(names))], other); err != nil && !os.IsNotExist(err) {
				t.Error(err)
			}
		}
	}()
	return func() { close(done); <-ended }
}

// spoil deletes a segment, or gives it other bytes: in place, where they are mapped, or as a new file.
func spoil(rnd *rand.Rand, name string, other []byte) error {
	switch rnd.IntN(5) {
	case 0:
		return os.Remove(name)
	case 1:
		if err := os.WriteFile(name+".spoilt", other, 0o600); err != nil {
			return err
		}
		return os.Rename(name+".spoilt", name)
	case 2:
		return os.Truncate(name, int64(len(other)/2))
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	off := 0
	if rnd.IntN(2) == 0 {
		off = rnd.IntN(len(other)+1) &^ 4095
	}
	_, err = f.WriteAt(other[off:], int64(off))
	return err
}
