package seal

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"vbfs/index/format"
)

// Many goroutines that meet a new key have it loaded once; a number that is nowhere is damage.
func TestRingLearnsOnce(t *testing.T) {
	t.Parallel()
	k := NewKeyring(nil)
	next, number, err := NextMaster(*k)
	if err != nil || number != 2 || len(k.Masters) != 1 {
		t.Fatalf("master key %d, %v", number, err)
	}
	loads := 0 // guarded by the ring, which loads in one goroutine at a time
	var begun atomic.Int64
	ring := NewLearningRing(format.UUID{1}, true, k, func() (*format.Keyring, error) {
		for begun.Load() < 16 { // the others wait for this load
			runtime.Gosched()
		}
		if loads++; loads > 1 {
			return nil, nil
		}
		return &next, nil
	})
	sealed, err := NewRing(format.UUID{1}, true, &next).Seal(format.KindSession, "sessions/x", []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for range 16 {
		readers.Go(func() {
			begun.Add(1)
			if b, err := ring.Open(format.KindSession, "sessions/x", sealed); err != nil || string(b) != "body" {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
	readers.Wait()
	if loads != 1 || ring.Current() != 2 {
		t.Errorf("%d loads, current key %d", loads, ring.Current())
	}
	sealed[12] = 9
	if _, err := ring.Open(format.KindSession, "sessions/x", sealed); !errors.Is(err, ErrKey) || !errors.Is(err, format.ErrMalformed) {
		t.Errorf("unknown key: %v", err)
	}
}

// A keyring that has another key in the place of a known one is not believed, and a load that fails is no damage.
func TestRingKeepsWhatItKnows(t *testing.T) {
	t.Parallel()
	k, failed := NewKeyring(nil), errors.New("storage is away")
	other := NewKeyring(nil)
	for _, c := range []struct {
		load Loader
		want error
	}{
		{func() (*format.Keyring, error) { return other, nil }, format.ErrMalformed},
		{func() (*format.Keyring, error) { return nil, failed }, failed},
	} {
		ring := NewLearningRing(format.UUID{1}, true, k, c.load)
		if err := ring.Refresh(); !errors.Is(err, c.want) {
			t.Errorf("refresh: %v", err)
		}
		if ring.known.Load().keys[1] != k.Masters[0].Key {
			t.Error("a known key was replaced")
		}
		if _, err := ring.master(2); !errors.Is(err, c.want) {
			t.Errorf("unknown key: %v", err)
		}
	}
}
