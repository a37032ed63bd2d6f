package virtnbd

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"vbfs/ingest"
	"vbfs/ingest/sourcetest"
	"vbfs/ingest/virtnbd/handmade"
)

// openSet opens a set that has to be one.
func openSet(t *testing.T, dir string) *Set {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// whole makes frames that cover plain: zeros of at least 64 KiB as zero frames.
func whole(plain []byte) (frames []handmade.Frame) {
	const unit = 64 << 10
	for off := 0; off < len(plain); off += unit {
		p := plain[off:min(off+unit, len(plain))]
		zero := len(bytes.TrimLeft(p, "\x00")) == 0
		last := len(frames) - 1
		switch {
		case last >= 0 && zero && frames[last].Zero > 0:
			frames[last].Zero += int64(len(p))
		case last >= 0 && !zero && frames[last].Zero == 0:
			frames[last].Data = append(frames[last].Data, p...)
		case zero:
			frames = append(frames, handmade.Frame{Off: int64(off), Zero: int64(len(p))})
		default:
			frames = append(frames, handmade.Frame{Off: int64(off), Data: bytes.Clone(p)})
		}
	}
	return frames
}

// mutate changes plain at random, and gives the frames of it, with zero frames where it became zero.
func mutate(rng *rand.Rand, plain []byte) (frames []handmade.Frame) {
	for off := rng.IntN(64 << 10); off < len(plain); off += 1 + rng.IntN(300<<10) {
		n := min(1+rng.IntN(200<<10), len(plain)-off)
		part := plain[off : off+n]
		if rng.IntN(3) == 0 {
			clear(part)
			frames = append(frames, handmade.Frame{Off: int64(off), Zero: int64(n)})
		} else {
			for i := range part[:min(n, 5000)] {
				part[i] = byte(rng.Uint32())
			}
			frames = append(frames, handmade.Frame{Off: int64(off), Data: bytes.Clone(part)})
		}
		off += n
	}
	return frames
}

// handmadeChain writes a full stream and increments of a disk, and gives what the disk held at each.
func handmadeChain(t *testing.T, dir string, packed bool, size, n int) (plain [][]byte) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	now := noise(3, size)
	handmade.Stream{Disk: "vda", Size: int64(size), Frames: whole(now), Packed: packed, Chunk: 300_000, Sum: true}.Write(t, dir)
	plain = append(plain, bytes.Clone(now))
	for i := 1; i <= n; i++ {
		s := handmade.Stream{
			Disk: "vda", Level: "inc", Size: int64(size), Packed: packed, Chunk: 100_000, Sum: true,
			Checkpoint: fmt.Sprintf("virtnbdbackup.%d", i), Parent: fmt.Sprintf("virtnbdbackup.%d", i-1), Frames: mutate(rng, now),
		}
		s.Write(t, dir)
		plain = append(plain, bytes.Clone(now))
	}
	return plain
}

// TestSource runs the suite of sources on a disk that is composed of a chain.
func TestSource(t *testing.T) {
	t.Parallel()
	for _, packed := range []bool{false, true} {
		t.Run(fmt.Sprint("packed=", packed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			plain := handmadeChain(t, dir, packed, 5*mib+512, 4)
			s := openSet(t, dir)
			open := func(t *testing.T) ingest.Source {
				src, err := s.Points[4].disk("vda", false).Open(t.Context(), false)
				if err != nil {
					t.Fatal(err)
				}
				return src
			}
			sourcetest.Test(t, open, plain[4])
		})
	}
}

// TestHandmadeChain reads every point of a chain, whole and by what changed.
func TestHandmadeChain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := handmadeChain(t, dir, true, 3*mib+1000, 12)
	s := openSet(t, dir)
	if len(s.Points) != len(plain) {
		t.Fatalf("%d points of %d", len(s.Points), len(plain))
	}
	for i, p := range s.Points {
		if !bytes.Equal(readPoint(t, p, "vda"), plain[i]) {
			t.Errorf("point %d is not what it was", i)
		}
		if i > 0 && !bytes.Equal(replay(t, p, "vda", bytes.Clone(plain[i-1])), plain[i]) {
			t.Errorf("point %d is not what it was by its changes", i)
		}
	}
}

// replay puts what changed at a point onto what was before.
func replay(t *testing.T, p *Point, target string, disk []byte) []byte {
	t.Helper()
	d := p.disk(target, true)
	if !d.Changes {
		t.Fatalf("no changes: %q", d.Fallback)
	}
	src, err := d.Open(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	said := p.streams[target].frames.all()
	for e, err := range src.Extents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if f, _ := said.next(); e != (ingest.Extent{Off: f.off, Len: f.n, Zero: f.zero}) {
			t.Fatalf("%+v for the frame %+v", e, f)
		}
		part := disk[e.Off:][:e.Len]
		if e.Zero {
			clear(part)
		} else if _, err := src.ReadAt(part, e.Off); err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

// TestGrownAndShrunk has a disk shrink and grow: what it lost does not come back, what is new is zero.
func TestGrownAndShrunk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ones := func(n int, v byte) []byte { return bytes.Repeat([]byte{v}, n) }
	handmade.Stream{Disk: "vda", Size: 1000, Frames: []handmade.Frame{{Data: ones(1000, 1)}}}.Write(t, dir)
	inc := handmade.Stream{Disk: "vda", Level: "inc", Checkpoint: "virtnbdbackup.1", Parent: "virtnbdbackup.0", Size: 400, Frames: []handmade.Frame{{Off: 100, Data: ones(50, 2)}}}
	inc.Write(t, dir)
	inc.Checkpoint, inc.Parent, inc.Size, inc.Frames = "virtnbdbackup.2", inc.Checkpoint, 2000, []handmade.Frame{{Off: 1500, Data: ones(300, 3)}}
	inc.Write(t, dir)
	s := openSet(t, dir)
	want := make([]byte, 2000)
	copy(want, ones(400, 1))
	copy(want[100:], ones(50, 2))
	if !bytes.Equal(readPoint(t, s.Points[1], "vda"), want[:400]) {
		t.Error("the shrunk disk is not what it was")
	}
	copy(want[1500:], ones(300, 3))
	src, err := s.Points[2].disk("vda", false).Open(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	var zeros []ingest.Extent
	for e := range src.Extents(t.Context()) {
		if e.Zero {
			zeros = append(zeros, e)
		}
	}
	if fmt.Sprint(zeros) != "[{400 1100 true} {1800 200 true}]" {
		t.Errorf("zeros: %v", zeros)
	}
	if !bytes.Equal(readPoint(t, s.Points[2], "vda"), want) {
		t.Error("the grown disk is not what it was")
	}
}

// TestPieces reads a frame of 64 MiB that is compressed in pieces of 32 MiB, nearly all of it zero.
func TestPieces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := make([]byte, 64*mib)
	rng := rand.New(rand.NewPCG(5, 5))
	for range 1000 {
		plain[rng.IntN(len(plain))] = byte(rng.Uint32())
	}
	handmade.Stream{Disk: "vda", Size: 64 * mib, Packed: true, Frames: []handmade.Frame{{Data: plain}}}.Write(t, dir)
	s := openSet(t, dir)
	if !bytes.Equal(readPoint(t, s.Points[0], "vda"), plain) {
		t.Error("the disk is not what it was")
	}
}
