package qemu

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vbfs/hyper/process"
)

const parentEnv = "VBFS_TEST_QEMU_PARENT"

// TestMain is also the parent that TestKilledParent kills: it serves an image, says where, and waits.
func TestMain(m *testing.M) {
	path := os.Getenv(parentEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	s, err := Serve(context.Background(), Image{path, Raw}, ServeOptions{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.process.PID(), s.Socket())
	select {}
}

func TestKilledParent(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"="+create(t, "disk", Raw).Path, "TMPDIR="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	parent.Process.Kill()
	parent.Wait()
	var pid int
	var socket string
	if _, scan := fmt.Sscan(line, &pid, &socket); scan != nil {
		t.Fatalf("the parent said %q: %v", line, err)
	}
	for deadline := time.Now().Add(10 * time.Second); running(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("qemu-nbd outlives its parent")
		}
	}
	process.Sweep(dir)
	if _, err := os.Stat(socket); err != nil {
		t.Errorf("what is as young as this was removed: %v", err)
	}
	old := time.Now().Add(-2 * process.SweepAge)
	if err := os.Chtimes(filepath.Dir(socket), old, old); err != nil {
		t.Fatal(err)
	}
	process.Sweep(dir)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// running tells whether a process is there and is no zombie, which nobody may be there to reap.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
