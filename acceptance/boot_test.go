package acceptance

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// initScript is the guest's whole system: it prints the checksums of the disk and of a file on it.
const initScript = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do insmod /$m.ko; done
mount -t ext4 -o ro,noload /dev/vda /mnt && sha256sum /mnt/payload
sha256sum /dev/vda
reboot -f
`

// TestGuestBoots boots a machine with its disk on an export.
func TestGuestBoots(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	payload := make([]byte, 2*mib+123)
	rand.NewChaCha8([32]byte{5}).Read(payload)
	check(t, os.WriteFile(filepath.Join(files, "payload"), payload, 0o644))
	r := initialize(t)
	disk := filepath.Join(t.TempDir(), "guest.raw")
	tool(t, "mkfs.ext4", "-q", "-d", files, disk, "12M")
	r.ok(t, "backup", disk)
	whole, err := os.ReadFile(disk)
	check(t, err)
	check(t, os.Remove(disk)) // all that is left of it is the point
	said := boot(t, unixURI(r.serve(t), "guest@latest:disk0"))
	for path, b := range map[string][]byte{"/mnt/payload": payload, "/dev/vda": whole} {
		if want := fmt.Sprintf("%x  %s", sha256.Sum256(b), path); !strings.Contains(said, want) {
			t.Errorf("the guest does not say %q: %s", want, said)
		}
	}
}

// boot runs the guest to its end, and gives what it said on its console.
func boot(t *testing.T, uri string) string {
	t.Helper()
	kernels, err := filepath.Glob("/boot/vmlinuz-*-cloud-amd64")
	check(t, err)
	if len(kernels) == 0 {
		t.Fatal("no /boot/vmlinuz-*-cloud-amd64: apt install linux-image-cloud-amd64")
	}
	kernel := kernels[len(kernels)-1]
	cmd := exec.Command("qemu-system-x86_64", "-accel", "tcg", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot",
		"-serial", "stdio", "-kernel", kernel, "-initrd", initramfs(t, strings.TrimPrefix(kernel, "/boot/vmlinuz-")),
		"-append", "console=ttyS0 quiet panic=-1", "-drive", "file="+uri+",format=raw,if=virtio,readonly=on")
	s := serverOf(t, cmd)
	select {
	case <-s.ended:
	case <-time.After(2 * time.Minute):
		cmd.Process.Kill()
		<-s.ended
		t.Errorf("the guest does not end")
	}
	return s.said.String()
}

func initramfs(t *testing.T, release string) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"bin", "proc", "sys", "dev", "mnt"} {
		check(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	check(t, os.WriteFile(filepath.Join(root, "init"), []byte(initScript), 0o755))
	tool(t, "cp", "/bin/busybox", filepath.Join(root, "bin/busybox"))
	for _, m := range []string{"virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_legacy_dev", "virtio/virtio_pci_modern_dev", "virtio/virtio_pci", "block/virtio_blk"} {
		tool(t, "cp", "/lib/modules/"+release+"/kernel/drivers/"+m+".ko", root)
	}
	out := filepath.Join(t.TempDir(), "initrd")
	tool(t, "sh", "-c", "cd "+root+" && find . | cpio -o -H newc --quiet > "+out)
	return out
}
