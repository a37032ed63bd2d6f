package fs_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vbfs/fs"
	"vbfs/index"
)

func TestMountPointIsRefused(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	full, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(full+"/x", nil, 0o644))
	check(t, os.WriteFile(file, nil, 0o644))
	for _, dir := range []string{full, file, full + "/absent", goldenLab(t).mount(fs.Options{})} {
		if _, err := fs.Mount(t.Context(), dir, l.repo, fs.Options{}); !errors.Is(err, fs.ErrMountPoint) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// A mount ends by each of these, and leaves neither a mount nor a goroutine.
func TestEnd(t *testing.T) {
	for _, end := range []struct {
		name string
		do   func(t *testing.T, dir string, m *fs.Mounted, cancel func())
	}{
		{"umount", func(t *testing.T, dir string, _ *fs.Mounted, _ func()) { run(t, "umount", dir) }},
		{"umount -l", func(t *testing.T, dir string, _ *fs.Mounted, _ func()) { run(t, "umount", "-l", dir) }},
		{"fusermount3", func(t *testing.T, dir string, _ *fs.Mounted, _ func()) { run(t, "fusermount3", "-u", dir) }},
		{"cancel", func(_ *testing.T, _ string, _ *fs.Mounted, cancel func()) { cancel() }},
		{"Unmount", func(t *testing.T, _ string, m *fs.Mounted, _ func()) { check(t, m.Unmount()) }},
	} {
		t.Run(end.name, func(t *testing.T) {
			l := goldenLab(t)
			before := runtime.NumGoroutine()
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			m, err := fs.Mount(ctx, dir, l.repo, fs.Options{})
			check(t, err)
			readFile(t, dir+"/machines/web01/latest/disks/vda.raw")
			ended := make(chan error, 1)
			go func() { ended <- m.Wait(ctx) }()
			end.do(t, dir, m, cancel)
			check(t, <-ended)
			checkUnmounted(t, dir)
			eventually(t, 2*time.Second, "goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

func checkUnmounted(t *testing.T, dir string) {
	t.Helper()
	if strings.Contains(string(readFile(t, "/proc/self/mountinfo")), " "+dir+" ") {
		t.Errorf("%s is still mounted", dir)
	}
}

// A mount in use goes out of the tree, and tells that it is still read.
func TestEndOfBusyMount(t *testing.T) {
	l := goldenLab(t)
	dir := t.TempDir()
	m, err := fs.Mount(t.Context(), dir, l.repo, fs.Options{})
	check(t, err)
	f, err := os.Open(dir + "/machines/web01/latest/disks/vda.raw")
	check(t, err)
	defer f.Close()
	if err := m.Unmount(); !errors.Is(err, fs.ErrBusy) {
		t.Error(err)
	}
	checkUnmounted(t, dir)
	want, got := patchy(1, 70000), make([]byte, 70000)
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the open file: %v", err)
	}
	f.Close()
	check(t, m.Wait(t.Context()))
}

// A copy of the mount in somebody else's namespace, as containers have it, keeps no program from ending.
func TestEndOfCopiedMount(t *testing.T) {
	l := goldenLab(t)
	dir := t.TempDir()
	m, err := fs.Mount(t.Context(), dir, l.repo, fs.Options{})
	check(t, err)
	other := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep 600")
	ready, err := other.StdoutPipe()
	check(t, err)
	check(t, other.Start())
	defer other.Process.Kill()
	_, err = ready.Read(make([]byte, 1))
	check(t, err)
	if err := m.Unmount(); !errors.Is(err, fs.ErrBusy) {
		t.Error(err)
	}
	checkUnmounted(t, dir)
	check(t, other.Process.Kill())
	other.Wait()
	check(t, m.Wait(t.Context()))
}

// Nothing happens in a mount that nobody uses. What polls does so in every
// window; what a busy machine or a late collection adds spares one of them.
func TestIdleMount(t *testing.T) {
	l := goldenLab(t)
	l.mount(fs.Options{})
	runtime.GC()
	var took []time.Duration
	for range 20 {
		before := cpuTime(t)
		time.Sleep(500 * time.Millisecond)
		took = append(took, cpuTime(t)-before)
		if slices.Min(took) < 5*time.Millisecond {
			return
		}
	}
	t.Errorf("idle for 0.5 s took %v of CPU", took)
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var r unix.Rusage
	check(t, unix.Getrusage(unix.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
