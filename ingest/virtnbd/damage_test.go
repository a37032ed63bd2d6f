package virtnbd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vbfs/ingest/virtnbd/handmade"
)

// full is a good stream of three frames, which tests make a bad one of.
func full(packed bool) handmade.Stream {
	return handmade.Stream{Disk: "vda", Size: 300_000, Packed: packed, Chunk: 40_000, Frames: []handmade.Frame{
		{Data: noise(9, 100_000)}, {Off: 100_000, Zero: 50_000}, {Off: 150_000, Data: noise(8, 150_000)},
	}}
}

// header gives the bytes of one.
func headerOf(kind string, off, n int64) string {
	var b bytes.Buffer
	handmade.Header(&b, kind, off, n)
	return b.String()
}

// TestDamagedStreams refuses all that is not as virtnbdbackup writes it.
func TestDamagedStreams(t *testing.T) {
	t.Parallel()
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("there is no %q to replace", old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		}
	}
	for name, c := range map[string]struct {
		packed bool
		do     func(b []byte) []byte
		says   string
	}{
		"empty":             {false, func(b []byte) []byte { return nil }, "it ends at byte 0"},
		"cut in the head":   {false, func(b []byte) []byte { return b[:100] }, "in the middle"},
		"cut in data":       {false, func(b []byte) []byte { return b[:50_000] }, "in the middle of data"},
		"cut before stop":   {false, func(b []byte) []byte { return b[:len(b)-headerSize] }, "in the middle"},
		"one byte more":     {false, func(b []byte) []byte { return append(b, 0) }, "it ends at byte"},
		"cut list":          {true, func(b []byte) []byte { return b[:len(b)-60] }, "header"},
		"no meta":           {false, replace("meta ", "data "), "does not begin with metadata"},
		"unknown kind":      {false, replace("zero ", "null "), "unknown kind"},
		"meta twice":        {false, replace("zero ", "meta "), "in the middle"},
		"signed":            {false, replace("zero 0000", "zero -000"), "no number"},
		"negative":          {false, replace(headerOf("zero", 100_000, 50_000), "zero ffffffffffffffff 000000000000c350\r\n"), "too large"},
		"huge":              {false, replace(headerOf("zero", 100_000, 50_000), headerOf("zero", 100_000, 1<<62)), "of a disk of 300000"},
		"beyond":            {false, replace(headerOf("zero", 100_000, 50_000), headerOf("zero", 300_001, 1)), "of a disk of 300000"},
		"overlap":           {false, replace(headerOf("zero", 100_000, 50_000), headerOf("zero", 99_999, 50_001)), "behind those up to 100000"},
		"unordered":         {false, replace(headerOf("zero", 100_000, 50_000), headerOf("zero", 0, 50_000)), "behind those up to 100000"},
		"nothing":           {false, replace(headerOf("zero", 100_000, 50_000), headerOf("zero", 100_000, 0)), "0 bytes at"},
		"a gap":             {false, replace(headerOf("zero", 100_000, 50_000), headerOf("zero", 100_000, 49_999)), "says nothing of 1 of 300000"},
		"shorter data":      {false, replace(headerOf("data", 150_000, 150_000), headerOf("data", 150_000, 149_998)), "does not end where it should"},
		"head's length":     {false, replace("meta 0000000000000000 0000", "meta 0000000000000000 7000"), "does not begin with metadata"},
		"lies of data":      {false, replace(`"dataSize": 250000`, `"dataSize": 250001`), "its metadata says 250001"},
		"lies of size":      {false, replace(`"virtualSize": 300000`, `"virtualSize": 299999`), "of a disk of 299999"},
		"negative size":     {false, replace(`"virtualSize": 300000`, `"virtualSize": -30000`), "no size that a disk has"},
		"endless size":      {false, replace(`"virtualSize": 300000`, `"virtualSize": 3e5555`), "its metadata"},
		"no size":           {false, replace(`"virtualSize"`, `"virtuelSize"`), "no size that a disk has"},
		"other disk":        {false, replace(`"diskName": "vda"`, `"diskName": "vdb"`), `of disk "vdb"`},
		"other version":     {false, replace(`"streamVersion": 2`, `"streamVersion": 3`), "version 3"},
		"other compression": {true, replace(`"lz4"`, `"xz9"`), `by "xz9"`},
		"incremental":       {false, replace(`"incremental": false`, `"incremental": true `), "counts from no checkpoint"},
		"no JSON":           {false, replace(`"incremental": false`, `"incremental": falsy`), "its metadata"},
		"lz4 magic":         {true, replace("\x04\x22\x4d\x18", "\x04\x22\x4d\x19"), "does not say how much"},
		"lz4 data":          {true, func(b []byte) []byte { b[20_000] ^= 1; return b }, "does not decode"},
		"comp length":       {true, func(b []byte) []byte { b[len(b)-3]++; return b }, "damaged"},
		"comp huge":         {true, func(b []byte) []byte { copy(b[len(b)-18:], "7fffffffffffffff"); return b }, "list of compressed sizes"},
		"not compressed":    {false, replace(`"compressed": false`, `"compressed": 2    `), "list of compressed sizes"},
		"fewer compressed": {true, func(b []byte) []byte {
			b = replace(headerOf("data", 0, 100_000), headerOf("data", 0, 100_001))(b)
			b = replace(headerOf("zero", 100_000, 50_000), headerOf("zero", 100_001, 49_999))(b)
			return replace(`"dataSize": 250000`, `"dataSize": 250001`)(b)
		}, "less compressed data"},
		"more compressed": {true, func(b []byte) []byte {
			b = replace(headerOf("data", 0, 100_000), headerOf("data", 0, 99_999))(b)
			b = replace(headerOf("zero", 100_000, 50_000), headerOf("zero", 99_999, 50_001))(b)
			return replace(`"dataSize": 250000`, `"dataSize": 249999`)(b)
		}, "more compressed data"},
		"compressed": {true, replace(`"compressed": 2`, `"compressed": false`), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			good := full(c.packed).Bytes()
			handmade.File(t, dir, "vda.full.data", c.do(bytes.Clone(good)))
			p := openSet(t, dir).Points[0]
			err := p.sound(t.Context(), "vda")
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "vda.full.data: ") {
				t.Errorf("%v", err)
			}
			os.WriteFile(filepath.Join(dir, "vda.full.data"), good, 0o644)
			if err := openSet(t, dir).Points[0].sound(t.Context(), "vda"); err != nil {
				t.Errorf("the good one: %v", err)
			}
		})
	}
}

// TestFlippedBits flips one bit after the other, here and there, of a compressed stream and of one with a checksum: no
// wrong byte gets through.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	for _, packed := range []bool{false, true} {
		s := full(packed)
		s.Sum = !packed
		dir := t.TempDir()
		s.Write(t, dir)
		want := readPoint(t, openSet(t, dir).Points[0], "vda")
		good := s.Bytes()
		for at := 0; at < len(good); at += 1 + len(good)/97 {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << (at % 8)
			handmade.File(t, dir, "vda.full.data", bad)
			p := openSet(t, dir).Points[0]
			if p.sound(t.Context(), "vda") == nil && !bytes.Equal(readPoint(t, p, "vda"), want) {
				t.Errorf("packed=%v: a bit of byte %d flipped, and other bytes come out", packed, at)
			}
		}
	}
}

// TestDecoder finds compressed data that is shorter or longer than it was said to be, in the file and on the disk.
func TestDecoder(t *testing.T) {
	t.Parallel()
	s := handmade.Stream{Disk: "vda", Size: 5000, Packed: true, Frames: []handmade.Frame{{Data: noise(1, 5000)}}}
	b := s.Bytes()
	at := int64(bytes.Index(b, []byte("\x04\x22\x4d\x18")))
	stored := int64(bytes.Index(b, []byte("\r\nstop"))) - at
	b = append(b[:at+stored:at+stored], 0, 0, 0, 0, 0, 0, 0, 0)
	for f, ok := range map[frame]bool{
		{n: 5000, pos: at, stored: stored}:     true,
		{n: 4999, pos: at, stored: stored}:     false,
		{n: 5001, pos: at, stored: stored}:     false,
		{n: 5000, pos: at, stored: stored - 1}: false,
		{n: 5000, pos: at, stored: stored + 8}: false,
	} {
		err := newDecoder(bytes.NewReader(b), f).read(make([]byte, f.n), 0)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// TestLists reads the list of compressed sizes as JSON is written, and nothing else.
func TestLists(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[5]`:                             "[5]",
		` [ 5 , {"7" : [ 3, 4 ] } ] `:     "[5 3 4]",
		`[{"7":[7]}]`:                     "[7]",
		`[]`:                              "[]",
		`[5`:                              "bad",
		`[5,]`:                            "bad",
		`[5]]`:                            "bad",
		`[-5]`:                            "bad",
		`[0]`:                             "bad",
		`[5.0]`:                           "bad",
		`["5"]`:                           "bad",
		`[{"8":[3,4]}]`:                   "bad",
		`[{"7":[3,4],"7":[7]}]`:           "bad",
		`[{"7":[]}]`:                      "bad",
		`[99999999999999999999]`:          "bad",
		`[` + strings.Repeat("9", 100000): "bad",
		strings.Repeat("[", 100000):       "bad",
		``:                                "bad",
	} {
		l, got := newTrailer(strings.NewReader(text)), []int64{}
		var err error
		for i := 0; i < strings.Count(text, ",")+1 && err == nil && text != "[]"; i++ {
			if c, e := l.peek(); l.begun && e == nil && c == ']' {
				break
			}
			err = l.next(func(n int64) error { got = append(got, n); return nil })
		}
		if err == nil {
			err = l.end()
		}
		is := fmt.Sprint(got)
		if err != nil {
			is = "bad"
		}
		if is != want || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%.40s: %s, %v", text, is, err)
		}
	}
}

// TestHostileFiles are no plain files inside of the set.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	full(false).Write(t, outside)
	for name, make := range map[string]func(path string) error{
		"link out": func(path string) error { return os.Symlink(filepath.Join(outside, "vda.full.data"), path) },
		"pipe":     func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"folder":   func(path string) error { return os.Mkdir(path, 0o755) },
		"device":   func(path string) error { return os.Symlink("/dev/zero", path) },
	} {
		dir := t.TempDir()
		if err := make(filepath.Join(dir, "vda.full.data")); err != nil {
			t.Fatal(err)
		}
		if err := openSet(t, dir).Points[0].sound(t.Context(), "vda"); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	dir := t.TempDir()
	s := full(false)
	s.Checkpoint = "../../" + filepath.Base(outside) + "/x"
	s.Write(t, dir)
	handmade.Checkpoint(t, outside, "x", 5, "vda")
	handmade.File(t, outside, "x.xml", []byte("<domain><name>outside</name></domain>"))
	if set := openSet(t, dir); set.Points[0].checkpoint != nil || set.Domain == "outside" {
		t.Error("a checkpoint's name leads out of the set")
	}
}

// TestChecksums verifies what lies beside a stream.
func TestChecksums(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{"": false, "1": false, "x": false, noSum: true, "-": false, strings.Repeat("1", 100): false} {
		dir := t.TempDir()
		full(false).Write(t, dir)
		handmade.File(t, dir, "vda.full.data.chksum", []byte(text))
		if err := openSet(t, dir).Points[0].sound(t.Context(), "vda"); (err == nil) != ok {
			t.Errorf("a checksum of %q: %v", text, err)
		}
	}
}

// TestTableBound refuses more frames than there is memory for.
func TestTableBound(t *testing.T) {
	t.Parallel()
	r := new(room)
	if r.take(maxTables) != nil || !errors.Is(r.take(1), ErrTooLarge) {
		t.Error("a set's tables have no bound")
	}
	var tab table
	for i := range int64(1_000_000) {
		tab.add(frame{off: i * 3 << 16, n: 1 << 16, pos: i * (1<<16 + 42), stored: 1 << 16})
	}
	if perFrame := tab.bytes() / tab.count; perFrame > 16 {
		t.Errorf("%d bytes a frame", perFrame)
	}
}

// FuzzStream reads anything: what is taken for a stream has frames that are in order, inside the disk, and can be read or
// are damaged.
func FuzzStream(f *testing.F) {
	few := handmade.Stream{Disk: "vda", Size: 900, Chunk: 100, Frames: []handmade.Frame{{Data: noise(1, 300)}, {Off: 300, Zero: 100}, {Off: 400, Data: noise(2, 50)}, {Off: 450, Zero: 450}}}
	f.Add(few.Bytes())
	few.Packed = true
	f.Add(few.Bytes())
	inc := handmade.Stream{Disk: "vda", Level: "inc", Checkpoint: "virtnbdbackup.1", Parent: "virtnbdbackup.0", Size: 9000, Frames: []handmade.Frame{{Off: 7, Data: []byte("abc")}, {Off: 100, Zero: 5}}}
	f.Add(inc.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readHead(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if err := s.frames(t.Context()); err != nil {
			return
		}
		next, left := int64(0), int64(4<<20)
		for c := s.t.all(); ; {
			fr, ok := c.next()
			if !ok {
				break
			}
			if fr.off < next || fr.n <= 0 || fr.end() > *s.head.Size || !fr.zero && fr.pos+fr.stored > int64(len(b)) {
				t.Fatalf("%+v behind %d of %d", fr, next, *s.head.Size)
			}
			if again, ok := s.t.from(fr.off).next(); !ok || again != fr {
				t.Fatalf("%+v is found as %+v", fr, again)
			}
			next = fr.end()
			if left -= fr.n; s.head.compressed() && !fr.zero && left > 0 {
				newDecoder(bytes.NewReader(b), fr).read(make([]byte, fr.n), 0)
			}
		}
		if again, err := json.Marshal(s.head); err != nil || len(again) == 0 {
			t.Fatal(err)
		}
	})
}
