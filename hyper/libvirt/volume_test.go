package libvirt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"vbfs/testdata/lab"
)

// A pool is one of a lab, and the directory that it is.
type pool struct {
	*lab.Host
	dir string
}

func newPool(t *testing.T) pool {
	t.Helper()
	p := pool{Host: lab.Start(t)}
	p.dir = filepath.Join(p.Dir, "pool")
	p.Virsh("pool-create-as", "fast", "dir", "--target", p.dir, "--build")
	return p
}

func dialed(t *testing.T, uri string) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestVolume writes volumes with holes by all transports, and reads them back as they are.
func TestVolume(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	for name, uri := range map[string]string{"unix": p.URI(), "ssh": p.SSH(), "tls": p.TLS()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dialed(t, uri)
			const size = 40<<20 + 777
			want := make([]byte, size)
			rand.NewChaCha8([32]byte{1}).Read(want[1<<20 : 9<<20])
			rand.NewChaCha8([32]byte{2}).Read(want[20<<20 : 30<<20])
			v, err := c.CreateVolume(t.Context(), "fast", name+" [1]", size)
			check(t, err)
			if v.Path() != filepath.Join(p.dir, name+" [1]") || v.Pool() != "fast" {
				t.Errorf("%s in %s", v.Path(), v.Pool())
			}
			up, err := v.Upload(t.Context(), 1<<20)
			check(t, err)
			defer up.Close()
			for _, part := range [][2]int{{1 << 20, 2 << 20}, {2 << 20, 9 << 20}, {20 << 20, 30 << 20}} {
				if part[0] == 20<<20 {
					check(t, up.Skip(11<<20))
				}
				_, err := up.Write(want[part[0]:part[1]])
				check(t, err)
			}
			check(t, up.Skip(10<<20+777))
			check(t, up.Finish())
			again, err := c.VolumeAt(t.Context(), v.Path())
			check(t, err)
			readsBack(t, again, want)
			stored(t, v.Path(), want)
			if _, err := c.CreateVolume(t.Context(), "fast", name+" [1]", size); !errors.Is(err, ErrVolumeExists) {
				t.Errorf("made a second time: %v", err)
			}
			check(t, v.Delete(t.Context()))
			check(t, v.Delete(t.Context()))
			if _, err := c.VolumeAt(t.Context(), v.Path()); !errors.Is(err, ErrNoVolume) {
				t.Errorf("deleted, and there: %v", err)
			}
			if _, err := os.Stat(v.Path()); err == nil {
				t.Error("deleted, and the file is there")
			}
		})
	}
}

// readsBack compares a volume at random places, and its holes.
func readsBack(t *testing.T, v *Volume, want []byte) {
	t.Helper()
	size, err := v.Size(t.Context())
	if err != nil || size != int64(len(want)) {
		t.Fatalf("%d bytes, not %d, %v", size, len(want), err)
	}
	r, err := v.Reader(t.Context(), size)
	check(t, err)
	defer r.Close()
	done := make(chan error)
	for range 6 {
		go func() {
			for range 10 {
				off, got := rand.Int64N(size), bytes.Repeat([]byte{0xff}, rand.IntN(3<<20))
				n, err := r.ReadAt(got, off)
				if part := want[off:min(off+int64(len(got)), size)]; err != nil && err != io.EOF || !bytes.Equal(got[:n], part) {
					done <- errors.Join(err, errors.New("other bytes"))
					return
				}
			}
			done <- nil
		}()
	}
	for range 6 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	holes := int64(0)
	for off := int64(0); off < size; {
		n, data, err := r.Extent(off)
		check(t, err)
		if !data && len(bytes.Trim(want[off:off+n], "\x00")) > 0 {
			t.Fatalf("%d bytes at %d are said to be a hole", n, off)
		}
		if off += n; !data {
			holes += n
		}
	}
	if holes < 20<<20 {
		t.Errorf("%d bytes of holes", holes)
	}
}

// stored compares a volume's file, which is thin.
func stored(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes are stored, of %d, or others; %v", len(got), len(want), err)
	}
	info, err := os.Stat(path)
	check(t, err)
	if taken := info.Sys().(*syscall.Stat_t).Blocks * 512; taken > 19<<20 {
		t.Errorf("%d bytes are taken", taken)
	}
}

// TestVolumeEnds calls uploads off in every way, after which the volume can go, and the connection is what it was.
func TestVolumeEnds(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	c := dialed(t, p.URI())
	p.Virsh("pool-define-as", "asleep", "dir", "--target", p.dir+"2")
	if _, err := c.CreateVolume(t.Context(), "slow", "a", 1); !errors.Is(err, ErrNoPool) {
		t.Errorf("no pool: %v", err)
	}
	if _, err := c.CreateVolume(t.Context(), "asleep", "a", 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("a pool that is not active: %v", err)
	}
	check(t, os.WriteFile(filepath.Join(p.dir, "there"), []byte("before"), 0o600))
	if _, err := c.CreateVolume(t.Context(), "fast", "there", 1); err == nil {
		t.Error("a file that libvirt does not know was replaced")
	}
	if b, err := os.ReadFile(filepath.Join(p.dir, "there")); string(b) != "before" {
		t.Errorf("a file that was there: %q %v", b, err)
	}
	for name, end := range map[string]func(*Upload, context.CancelFunc) error{
		"closed": func(u *Upload, _ context.CancelFunc) error { u.Close(); return context.Canceled },
		"cancelled": func(u *Upload, cancel context.CancelFunc) error {
			time.AfterFunc(50*time.Millisecond, cancel)
			return forever(u)
		},
		"finished too late": func(u *Upload, cancel context.CancelFunc) error {
			cancel()
			time.Sleep(100 * time.Millisecond) // until that is known
			return u.Finish()
		},
		"daemon stands still": func(u *Upload, cancel context.CancelFunc) error {
			p.Do("kill -STOP $(cat /run/libvirtd.pid)")
			defer p.Do("kill -CONT $(cat /run/libvirtd.pid)")
			time.AfterFunc(500*time.Millisecond, cancel)
			_, err := u.Write(make([]byte, 64<<20)) // more than there is room for on the way
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		v, err := c.CreateVolume(ctx, "fast", name, 0)
		check(t, err)
		u, err := v.Upload(ctx, 0)
		check(t, err)
		_, err = u.Write(make([]byte, 5<<20))
		check(t, err)
		if err := end(u, cancel); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		u.Close()
		cancel()
		check(t, v.Delete(t.Context()))
		if _, err := os.Stat(v.Path()); err == nil {
			t.Errorf("%s: the file is there", name)
		}
	}
	p.Virsh("pool-define-as", "slow", "dir", "--target", p.dir+"3") // with which it is as with a volume that libvirt is busy with
	p.Virsh("pool-build", "slow")
	p.Virsh("pool-start", "slow")
	busy, err := c.CreateVolume(t.Context(), "slow", "busy", 0)
	check(t, err)
	p.Virsh("pool-destroy", "slow")
	started := make(chan string)
	time.AfterFunc(time.Second, func() { out, _ := p.TryVirsh("pool-start", "slow"); started <- out })
	check(t, busy.Delete(t.Context()))
	<-started
	p.Virsh("pool-destroy", "slow")
	if err := busy.Delete(t.Context()); !errors.Is(err, ErrInvalid) {
		t.Errorf("deleted from a pool that is not active: %v", err)
	}
	gone, err := c.CreateVolume(t.Context(), "fast", "gone", 0)
	check(t, err)
	check(t, gone.Delete(t.Context()))
	if _, err := gone.Upload(t.Context(), 0); !errors.Is(err, ErrNoVolume) {
		t.Errorf("to what is gone: %v", err)
	}
	if _, err := c.Domains(t.Context()); err != nil {
		t.Errorf("the connection after that: %v", err)
	}
}

// forever writes until it is told that it cannot.
func forever(u *Upload) error {
	b := make([]byte, 1<<10)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := u.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// TestVolumeFails tells what the daemon says in mid-upload, that there is no room, and that it is gone.
func TestVolumeFails(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	c := dialed(t, p.URI())
	small := filepath.Join(p.Dir, "small")
	p.Do("mkdir " + small + " && mount -t tmpfs -o size=4m none " + small)
	p.Virsh("pool-create-as", "small", "dir", "--target", small)
	if free, err := c.Space(t.Context(), "small"); err != nil || free != 4<<20 {
		t.Errorf("%d bytes are free, %v", free, err)
	}
	v, err := c.CreateVolume(t.Context(), "small", "large", 0)
	check(t, err)
	u, err := v.Upload(t.Context(), 0)
	check(t, err)
	defer u.Close()
	if _, err = u.Write(make([]byte, 30<<20)); err == nil {
		err = u.Finish()
	}
	if err == nil || errors.Is(err, ErrLost) {
		t.Errorf("no room: %v", err)
	}
	t.Log(err)
	check(t, v.Delete(t.Context()))

	v, err = c.CreateVolume(t.Context(), "fast", "cut", 0)
	check(t, err)
	u, err = v.Upload(t.Context(), 0)
	check(t, err)
	defer u.Close()
	p.Restart()
	err = forever(u)
	if err == nil {
		t.Error("a minute")
	}
	if !errors.Is(err, ErrLost) {
		t.Errorf("the daemon is gone: %v", err)
	}
	t.Log(err)
}
