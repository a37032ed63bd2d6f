package handmade

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/adler32"
	"os"
	"path/filepath"
	"time"

	"github.com/pierrec/lz4/v4"
)

// A Stream is one file of a set. Its zero values are those of a full backup without compression.
type Stream struct {
	Disk       string
	Level      string // full, copy, inc, diff; "" is full
	Checkpoint string // "" is virtnbdbackup.0
	Parent     string // counts from it; "" for full
	Size       int64
	Frames     []Frame
	Date       time.Time // local, in any zone; zero is 2026-11-20T10:00:00.000001
	Unix       int64     // in the name of a diff
	Packed     bool
	Chunk      int // pieces of so many bytes, for frames that are not shorter; 0 is 32 MiB
	Sum        bool
	Meta       map[string]any // in place of what the others come to
}

// A Frame is of data from Off on, or of so many zero bytes.
type Frame struct {
	Off  int64
	Data []byte
	Zero int64
}

// Name is what the file is called.
func (s Stream) Name() string {
	switch s.Level {
	case "inc":
		return fmt.Sprintf("%s.inc.%s.data", s.Disk, s.checkpoint())
	case "diff":
		return fmt.Sprintf("%s.diff.%d.data", s.Disk, s.Unix)
	case "copy":
		return s.Disk + ".copy.data"
	}
	return s.Disk + ".full.data"
}

func (s Stream) checkpoint() string {
	if s.Checkpoint == "" {
		return "virtnbdbackup.0"
	}
	return s.Checkpoint
}

// Write writes the stream, and its checksum if it has one.
func (s Stream) Write(t TB, dir string) {
	t.Helper()
	b := s.Bytes()
	File(t, dir, s.Name(), b)
	if s.Sum {
		File(t, dir, s.Name()+".chksum", fmt.Append(nil, adler32.Checksum(b)))
	}
}

// Bytes is the stream.
func (s Stream) Bytes() []byte {
	var b bytes.Buffer
	head := s.head()
	Header(&b, "meta", 0, int64(len(head)))
	b.Write(head)
	b.WriteString("\r\n")
	var sizes []any
	for _, f := range s.Frames {
		if f.Zero > 0 {
			Header(&b, "zero", f.Off, f.Zero)
			continue
		}
		Header(&b, "data", f.Off, int64(len(f.Data)))
		if s.Packed {
			sizes = append(sizes, s.pack(&b, f.Data))
		} else {
			b.Write(f.Data)
		}
		b.WriteString("\r\n")
	}
	Header(&b, "stop", 0, 0)
	if s.Packed {
		list := must(json.Marshal(append([]any{}, sizes...)))
		b.Write(list)
		b.WriteString("\r\n")
		Header(&b, "comp", 0, int64(len(list)))
	}
	return b.Bytes()
}

// Header writes one.
func Header(b *bytes.Buffer, kind string, off, n int64) {
	fmt.Fprintf(b, "%s %016x %016x\r\n", kind, off, n)
}

func (s Stream) head() []byte {
	date := s.Date
	if date.IsZero() {
		date = time.Date(2026, 11, 20, 10, 0, 0, 1000, time.UTC)
	}
	var data int64
	for _, f := range s.Frames {
		data += int64(len(f.Data))
	}
	m := map[string]any{
		"virtualSize": s.Size, "dataSize": data, "date": date.Format("2006-01-02T15:04:05.000000"), "diskName": s.Disk,
		"diskFormat": "qcow2", "checkpointName": s.checkpoint(), "compressed": false, "compressionMethod": "lz4",
		"parentCheckpoint": s.Parent, "incremental": s.Parent != "", "streamVersion": 2,
	}
	if s.Packed {
		m["compressed"] = 2
	}
	for k, v := range s.Meta {
		m[k] = v
	}
	return must(json.MarshalIndent(m, "", "    "))
}

// pack writes data in LZ4 frames, and gives what the list of sizes has of them.
func (s Stream) pack(b *bytes.Buffer, data []byte) any {
	chunk := s.Chunk
	if chunk == 0 {
		chunk = 32 << 20
	}
	if len(data) < chunk {
		return packOne(b, data)
	}
	var sizes []int
	total := 0
	for len(data) > 0 {
		n := min(chunk, len(data))
		sizes = append(sizes, packOne(b, data[:n]))
		total += sizes[len(sizes)-1]
		data = data[n:]
	}
	return map[string][]int{fmt.Sprint(total): sizes}
}

func packOne(b *bytes.Buffer, data []byte) int {
	before := b.Len()
	w := lz4.NewWriter(b)
	err := w.Apply(lz4.SizeOption(uint64(len(data))), lz4.BlockChecksumOption(true), lz4.ChecksumOption(true),
		lz4.BlockSizeOption(lz4.Block64Kb), lz4.ConcurrencyOption(1))
	if err != nil {
		panic(err)
	}
	must(w.Write(data))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Len() - before
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TB is what is needed of a test.
type TB interface {
	Helper()
	Fatal(args ...any)
}

// File writes a file of a set.
func File(t TB, dir, name string, b []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
