package lab

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestWrites writes to disks of every bus and format in the place of a guest, and reads them.
func TestWrites(t *testing.T) {
	t.Parallel()
	h := Start(t)
	old := make([]byte, 2<<20)
	rand.NewChaCha8([32]byte{1}).Read(old[:1<<20])
	disks := []Disk{{Target: "vda", Content: old}, {Target: "vdb", Content: old, Format: "raw"}, {Target: "sda", Content: old}, {Target: "hda", Content: old}}
	d := h.Domain(Spec{Disks: disks})
	for _, disk := range disks {
		want := bytes.Clone(old)
		if got := d.Content(disk.Target); !bytes.Equal(got, want) {
			t.Fatalf("%s is not what it was made of", disk.Target)
		}
		d.Write(disk.Target, 0xaa, 4096, 8192)
		copy(want[4096:], bytes.Repeat([]byte{0xaa}, 8192))
		d.WriteAt(disk.Target, []byte("hello"), 70001)
		copy(want[70001:], "hello")
		d.Zero(disk.Target, 128<<10, 64<<10)
		clear(want[128<<10:][:64<<10])
		d.Discard(disk.Target, 512<<10, 64<<10)
		clear(want[512<<10:][:64<<10])
		if got := d.Content(disk.Target); !bytes.Equal(got, want) {
			t.Errorf("%s is not what was written", disk.Target)
		}
		if got := d.Instant()[disk.Target]; !bytes.Equal(got, want) {
			t.Errorf("%s is not what was written, QEMU says", disk.Target)
		}
	}
}
