//go:build cgo && !nolibnbd

package qmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
)

// bootSector is a guest that writes without end through the firmware: sectors filled with 1, 2, 3, … in turn, odd ones to the second disk,
// even ones to the first, from which it boots.
//
//	start: xor ax,ax; mov ds,ax; mov es,ax; mov ss,ax; mov sp,0x7000; cld; sti; xor ebp,ebp
//	next:  inc ebp; mov eax,ebp; mov di,0x8000; mov cx,128; rep stosd
//	       mov eax,ebp; imul eax,eax,0x9E3779B1; shr eax,20; shl eax,3; add eax,2048; mov [dap+8],eax
//	again: mov dx,bp; and dl,1; or dl,0x80; mov si,dap; mov ax,0x4300; int 0x13
//	       jc again; jmp next
//	dap:   db 0x10,0; dw 1,0x8000,0; dd 0,0
var bootSector = []byte{
	0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x70, 0xfc, 0xfb, 0x66, 0x31, 0xed, 0x66, 0x45, 0x66, 0x89, 0xe8, 0xbf,
	0x00, 0x80, 0xb9, 0x80, 0x00, 0x66, 0xf3, 0xab, 0x66, 0x89, 0xe8, 0x66, 0x69, 0xc0, 0xb1, 0x79, 0x37, 0x9e, 0x66, 0xc1, 0xe8, 0x14,
	0x66, 0xc1, 0xe0, 0x03, 0x66, 0x05, 0x00, 0x08, 0x00, 0x00, 0x66, 0xa3, 0x56, 0x7c, 0x89, 0xea, 0x80, 0xe2, 0x01, 0x80, 0xca, 0x80,
	0xbe, 0x4e, 0x7c, 0xb8, 0x00, 0x43, 0xcd, 0x13, 0x72, 0xee, 0xeb, 0xc2, 0x10, 0x00, 0x01, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
}

// place is where the guest writes a number.
func place(n uint32) int64 { return (int64(n*0x9E3779B1>>20)<<3 + 2048) * 512 }

// bootingHost runs the guest, whose disks are served by threads of their own or by the main one.
func bootingHost(t *testing.T, threads bool) *host {
	t.Helper()
	vda := &image{name: "vda", format: "raw", data: make([]byte, 20*mib), options: ",bootindex=0,iothread=io1"}
	vdb := &image{name: "vdb", format: "qcow2", data: make([]byte, 20*mib), options: ",iothread=io2"}
	h := newHost(t, vda, vdb)
	f, err := os.OpenFile(vda.path, os.O_WRONLY, 0)
	h.must(err)
	defer f.Close()
	sector := append(bytes.Clone(bootSector), make([]byte, 512-len(bootSector))...)
	sector[510], sector[511] = 0x55, 0xaa
	_, err = f.WriteAt(sector, 0)
	h.must(err)
	if threads {
		h.args = []string{"-object", "iothread,id=io1", "-object", "iothread,id=io2"}
	} else {
		h.args, vda.options, vdb.options = nil, ",bootindex=0", ""
	}
	return h
}

// writes counts what the guest has written.
func (h *host) writes() (n int) {
	h.t.Helper()
	var stats []struct {
		QDev  string `json:"qdev"`
		Stats struct {
			Writes int `json:"wr_operations"`
		} `json:"stats"`
	}
	h.do("query-blockstats", nil, &stats)
	for _, s := range stats {
		if s.QDev != "" {
			n += s.Stats.Writes
		}
	}
	return n
}

// goesOn waits until the guest has written a little more.
func (h *host) goesOn() {
	h.t.Helper()
	before := h.writes()
	for deadline := time.Now().Add(30 * time.Second); h.writes() < before+10; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("the guest does not write any more; it is %s", h.status())
		}
	}
}

// upTo finds the number up to which two disks have been written, and fails the test when there is none: when a
// number is there, all before it are.
func upTo(t *testing.T, first, second []byte) uint32 {
	t.Helper()
	disks := [2][]byte{first, second}
	at := func(n uint32) uint32 { return binary.LittleEndian.Uint32(disks[n&1][place(n):]) }
	var last uint32
	for i := range uint32(2) {
		for slot := int64(0); slot < 4096; slot++ {
			off := (slot<<3 + 2048) * 512
			sector := disks[i][off : off+512]
			n := binary.LittleEndian.Uint32(sector)
			if !bytes.Equal(sector, bytes.Repeat(sector[:4], 128)) {
				t.Fatalf("a sector is torn: disk %d at %d", i, off)
			}
			last = max(last, n)
		}
	}
	newest := map[[2]int64]uint32{}
	for n := uint32(1); n <= last; n++ {
		newest[[2]int64{int64(n & 1), place(n)}] = n
	}
	for _, n := range newest {
		if got := at(n); got != n {
			t.Fatalf("written up to %d, but where %d should be is %d", last, n, got)
		}
	}
	return last
}

// gated lets the test do something when the machine is held, before it is read.
type gated struct {
	ingest.Machine
	held func(*ingest.Shot)
}

func (g gated) Take(ctx context.Context, w ingest.Wish) (*ingest.Shot, error) {
	shot, err := g.Machine.Take(ctx, w)
	if err == nil {
		g.held(shot)
	}
	return shot, err
}

// A guest that writes all the time finds its disks in every point as they were
// at one instant, with nothing lost between that and the next.
func TestInstantOfAWritingGuest(t *testing.T) {
	for _, threads := range []bool{false, true} {
		t.Run(fmt.Sprintf("threads=%v", threads), func(t *testing.T) {
			t.Parallel()
			testInstant(t, bootingHost(t, threads))
		})
	}
}

func testInstant(t *testing.T, h *host) {
	h.start()
	repo := indextest.Plain(t)
	var last uint32
	var points []*format.Manifest
	for i := range 6 {
		h.goesOn()
		m := h.machine(Options{Pause: i%2 == 1})
		level := []string{"auto", "inc", "inc", "diff"}[i%4]
		p, err := capture(t, repo, gated{m, func(*ingest.Shot) { h.goesOn() }}, level)
		if err != nil {
			t.Fatal(err)
		}
		if threads := h.args != nil; threads && i%2 == 1 && len(p.Warnings) != 1 {
			t.Errorf("that the machine was not stopped is not told: %q", p.Warnings)
		}
		if status := h.status(); status != qmp.Running {
			t.Errorf("the guest is %s", status)
		}
		for _, d := range p.Disks {
			if i > 0 && d.Fallback != "" {
				t.Errorf("%s: %s", d.Name, d.Fallback)
			}
		}
		n := upTo(t, read(t, repo, p, "vda"), read(t, repo, p, "vdb"))
		if n <= last {
			t.Errorf("written up to %d, and up to %d at the point before", n, last)
		}
		last = n
		points = append(points, p)
	}
	for _, p := range points {
		upTo(t, read(t, repo, p, "vda"), read(t, repo, p, "vdb"))
	}
	h.clean()
}

// What the guest overwrites while it is read has no room: the capture is given up, the guest goes on and keeps what it wrote.
func TestScratchFull(t *testing.T) {
	t.Parallel()
	h := bootingHost(t, false)
	h.start()
	h.tool("mount", "-t", "tmpfs", "-o", "size=4m", "none", h.scratch)
	t.Cleanup(func() { h.tool("umount", h.scratch) })
	repo := indextest.Plain(t)
	full := func(*ingest.Shot) {
		time.Sleep(guardEvery * 2)
		for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if jobs, err := h.c.Jobs(t.Context()); err != nil || len(jobs) == 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("the guest does not fill the scratch directory")
			}
		}
	}
	_, err := capture(t, repo, gated{h.machine(Options{}), full}, "auto")
	if err == nil || !strings.Contains(err.Error(), "given up: scratch directory") {
		t.Fatalf("%v", err)
	}
	h.goesOn()
	h.clean()
	h.must(os.WriteFile(h.scratch+"/hog", make([]byte, 2*mib), 0o600))
	if _, err := capture(t, repo, h.machine(Options{}), "auto"); err == nil || !strings.Contains(err.Error(), ErrScratch.Error()) {
		t.Errorf("%v", err)
	}
	h.must(os.Remove(h.scratch + "/hog"))
	if points, err := repo.Points(t.Context()); err != nil || len(points) > 0 {
		t.Errorf("%v, %v", points, err)
	}
	h.clean()
	h.quit()
	raw := func(d *image) []byte {
		out := fmt.Sprintf("%s/%s.content", h.dir, d.name)
		h.tool("qemu-img", "convert", "-f", d.format, "-O", "raw", d.path, out)
		b, err := os.ReadFile(out)
		h.must(err)
		return b
	}
	upTo(t, raw(h.disks[0]), raw(h.disks[1]))
}
