package lab

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

//go:embed guest.sh
var guestScript string

// modules of the guest's kernel, in the order in which they need each other.
var modules = []string{
	"virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_legacy_dev", "virtio/virtio_pci_modern_dev", "virtio/virtio_pci",
	"block/virtio_blk",
}

// kernel gives the newest cloud kernel's path, and its release.
func kernel() (file, release string, err error) {
	all, err := filepath.Glob("/boot/vmlinuz-*-cloud-amd64")
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no /boot/vmlinuz-*-cloud-amd64: apt install linux-image-cloud-amd64")
	}
	if err != nil {
		return "", "", err
	}
	file = all[len(all)-1]
	return file, strings.TrimPrefix(file, "/boot/vmlinuz-"), nil
}

// initramfs makes the guest's file system, for a kernel of that release.
func initramfs(release string) ([]byte, error) {
	var a archive
	for _, dir := range []string{"bin", "proc", "sys", "dev", "mnt", "run", "tmp"} {
		a.add(dir, 0o040755, nil)
	}
	a.add("init", 0o100755, []byte(guestScript))
	a.file("bin/busybox", "/bin/busybox")
	var names []string
	for _, m := range modules {
		name := path.Base(m) + ".ko"
		a.file(name, "/lib/modules/"+release+"/kernel/drivers/"+m+".ko")
		names = append(names, name)
	}
	a.add("modules", 0o100644, []byte(strings.Join(names, "\n")))
	a.add("TRAILER!!!", 0, nil)
	return a.b.Bytes(), a.err
}

// An archive is a cpio of the kind newc (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	b   bytes.Buffer
	ino int
	err error // the first
}

// file adds a file of the machine's.
func (a *archive) file(name, from string) {
	content, err := os.ReadFile(from)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.add(name, 0o100755, content)
}

// add adds a member of that mode, which says what it is as well.
func (a *archive) add(name string, mode int, content []byte) {
	a.ino++
	// c_ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
	fmt.Fprintf(&a.b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.ino, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0, name)
	a.pad()
	a.b.Write(content)
	a.pad()
}

func (a *archive) pad() { a.b.Write(make([]byte, -a.b.Len()&3)) }
