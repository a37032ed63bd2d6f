//go:build cgo && !nolibnbd

package qmp

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vbfs/index/indextest"
)

// A storage daemon runs no machine: what it exports to one is captured.
func TestStorageDaemon(t *testing.T) {
	t.Parallel()
	d := &image{name: "web01-root", format: "qcow2", data: make([]byte, 8*mib)}
	h := newHost(t, d)
	mount := filepath.Join(h.dir, "mount")
	h.must(os.WriteFile(mount, nil, 0o600))
	var args []string
	for _, s := range []string{"m", "t"} {
		args = append(args, "--chardev", "socket,id="+s+",server=on,wait=off,path="+filepath.Join(h.dir, s), "--monitor", "chardev="+s)
	}
	h.run("qemu-storage-daemon", append(args,
		"--blockdev", "driver=qcow2,node-name=n-disk,file.driver=file,file.filename="+d.path,
		"--export", "type=fuse,id=web01-root,node-name=n-disk,writable=on,mountpoint="+mount)...)
	t.Cleanup(func() {
		h.kill()
		h.tool("umount", mount)
	})
	guest, err := os.OpenFile(mount, os.O_RDWR, 0)
	h.must(err)
	defer guest.Close()
	repo := indextest.Plain(t)
	m := h.machine(Options{Pause: true})
	if name, err := m.Name(t.Context()); err != nil || name != "m" {
		t.Errorf("%q, %v", name, err)
	}
	for i := range 3 {
		_, err := guest.WriteAt(bytes.Repeat([]byte{byte(i + 1)}, 64*kib), int64(i)*mib)
		h.must(err)
		copy(d.data[i*mib:], bytes.Repeat([]byte{byte(i + 1)}, 64*kib))
		p, err := capture(t, repo, m, "auto")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, repo, p, d.name), d.data) {
			t.Errorf("point %d holds other bytes", i)
		}
		if r := record(t, p, d.name); r.Fallback != "" || i > 0 && r.Read > mib {
			t.Errorf("%+v", r)
		}
	}
	h.clean()
}

// A QEMU of another user gets at its scratch files, and nobody else does.
func TestQEMUOfAnotherUser(t *testing.T) {
	t.Parallel()
	d := &image{name: "vda", format: "qcow2", data: make([]byte, 8*mib)}
	h := newHost(t, d)
	h.user = 65534
	for _, path := range []string{h.dir, d.path} {
		h.must(os.Chown(path, h.user, h.user))
	}
	h.must(os.Chmod(h.scratch, 0o711))
	h.start()
	h.write(d, 0, mib, 5)
	repo := indextest.Plain(t)
	p, err := capture(t, repo, h.machine(Options{State: t.TempDir()}), "auto")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, repo, p, "vda"), d.data) {
		t.Error("other bytes")
	}
	h.clean()
}

// What cannot be captured is said in one sentence.
func TestSentences(t *testing.T) {
	t.Parallel()
	h := newHost(t, &image{name: "vda", format: "raw", data: make([]byte, mib)})
	h.args = append(h.args, "-incoming", "defer")
	h.start()
	repo := indextest.Plain(t)
	if _, err := capture(t, repo, h.machine(Options{}), "auto"); err == nil || !strings.Contains(err.Error(), ErrMigrating.Error()) {
		t.Errorf("%v", err)
	}
	if _, err := capture(t, repo, h.machine(Options{Scratch: h.dir + "/none"}), "auto"); err == nil || !strings.Contains(err.Error(), "none: no such file or directory") {
		t.Errorf("%v", err)
	}
	h.clean()
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/a/b": "/a/b",
		`json:{"driver":"qcow2","file":{"driver":"raw","file":{"driver":"file","filename":"/x"}}}`: "/x",
		`json:{"driver":"qcow2","file":{"driver":"rbd","pool":"p"}}`:                               `json:{"driver":"qcow2","file":{"driver":"rbd","pool":"p"}}`,
		`json:{`:         `json:{`,
		"nbd://h:1/x":    "nbd://h:1/x",
		"file:/tmp/disk": "/tmp/disk",
	} {
		if got := filename(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

// as makes a command another user's.
func as(cmd *exec.Cmd, user int) {
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}
}
