package lab

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed guest.sh
var guestScript string

// drivers that the guest's kernel has as modules, by what needs them.
var drivers = map[string][]string{
	"virtio": {"virtio_pci", "virtio_blk"},
	"agent":  {"virtio_console"},
	"scsi":   {"virtio_scsi", "sd_mod"},
	"ide":    {"ata_piix", "sd_mod"},
}

// modules gives the files of what some needs need, in the order in which they are loaded.
func modules(release string, needs ...string) ([]string, error) {
	args := []string{"--set-version", release, "--all", "--show-depends"}
	for _, need := range needs {
		args = append(args, drivers[need]...)
	}
	return paths("insmod", "modprobe", args...)
}

// agent is QEMU's guest agent, which a guest starts when the domain has a channel for it.
const agent = "/usr/sbin/qemu-ga"

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
	modules, err := modules(release, slices.Collect(maps.Keys(drivers))...)
	if err != nil {
		return nil, err
	}
	libraries, err := paths("", "ldd", agent)
	if err != nil {
		return nil, err
	}
	var a archive
	for _, dir := range []string{"bin", "dev", "lib", "lib/x86_64-linux-gnu", "lib64", "mnt", "proc", "run", "sys", "tmp", "usr", "usr/sbin", "var", "var/run"} {
		a.add(dir, 0o040755, nil)
	}
	a.add("init", 0o100755, []byte(guestScript))
	for _, file := range modules {
		a.module(file)
	}
	applets, err := output("/bin/busybox", "--list")
	for name := range strings.Lines(applets) {
		a.add("bin/"+strings.TrimSpace(name), 0o120777, []byte("busybox"))
	}
	for _, file := range append(libraries, agent, "/bin/busybox") { // which is one of its applets as well
		a.file(file[1:], file)
	}
	a.add("TRAILER!!!", 0, nil)
	return a.b.Bytes(), errors.Join(err, a.err)
}

// paths gives each path once that a tool prints in lines that begin with a word.
func paths(word, tool string, args ...string) (out []string, err error) {
	said, err := output(tool, args...)
	for line := range strings.Lines(said) {
		for _, field := range strings.Fields(line) {
			if field[0] == '/' && strings.HasPrefix(line, word) && !slices.Contains(out, field) {
				out = append(out, field)
			}
		}
	}
	return out, err
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
	a.err = cmp.Or(a.err, err)
	a.add(name, 0o100755, content)
}

// module adds a kernel module without its signature (Linux, Documentation/admin-guide/module-signing.rst), which to check
// takes a translated guest longer than anything else at its boot. The file ends with the signature, 12 bytes of which the
// last four are the signature's length, and a mark.
func (a *archive) module(from string) {
	const mark = "~Module signature appended~\n"
	content, err := os.ReadFile(from)
	a.err = cmp.Or(a.err, err)
	if signed, ok := bytes.CutSuffix(content, []byte(mark)); ok {
		n := int(binary.BigEndian.Uint32(signed[len(signed)-4:]))
		content = signed[:len(signed)-12-n]
	}
	a.add(path.Base(from), 0o100644, content)
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
