package clitest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Disk makes a raw disk of so many MiB in the lab: random bytes but for the second quarter, which is a hole. Its size is
// not a multiple of a block's.
func (l *Lab) Disk(name string, mib int) string {
	l.T.Helper()
	size := mib<<20 + 512
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(mib)}).Read(b)
	clear(b[size/4 : size/2])
	path := l.Path(name)
	f, err := os.Create(path)
	if err != nil {
		l.T.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(size)); err != nil {
		l.T.Fatal(err)
	}
	for _, part := range [][2]int{{0, size / 4}, {size / 2, size}} {
		if _, err := f.WriteAt(b[part[0]:part[1]], int64(part[0])); err != nil {
			l.T.Fatal(err)
		}
	}
	return path
}

// Write writes n bytes of a value at an offset of a file.
func (l *Lab) Write(path string, off int64, n int, value byte) {
	l.T.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		l.T.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{value}, n), off); err != nil {
		l.T.Fatal(err)
	}
}

// Bytes reads a file.
func (l *Lab) Bytes(path string) []byte {
	l.T.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		l.T.Fatal(err)
	}
	return b
}

// Same compares a file with bytes.
func (l *Lab) Same(path string, want []byte) {
	l.T.Helper()
	if !bytes.Equal(l.Bytes(path), want) {
		l.T.Errorf("%s holds other bytes than it should", path)
	}
}

// Flip turns over a bit of a byte of each file that fits the pattern, and gives what turns it back.
func (l *Lab) Flip(pattern string, at int) (back func()) {
	l.T.Helper()
	files, err := filepath.Glob(l.Path(pattern))
	if err != nil || files == nil {
		l.T.Fatalf("no file %s: %v", pattern, err)
	}
	flip := func() {
		for _, f := range files {
			if b := l.Bytes(f); at < len(b) {
				l.Write(f, int64(at), 1, b[at]^0x10)
			}
		}
	}
	flip()
	return flip
}
