package object_test

import (
	"fmt"
	"testing"

	"vbfs/index/object"
)

func BenchmarkLocalGet64K(b *testing.B) {
	l, err := object.OpenLocal(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	if err := object.PutBytes(b.Context(), l, "packs/ab/c", make([]byte, 1<<20)); err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for i := 0; b.Loop(); i++ {
		if err := l.Get(b.Context(), "packs/ab/c", p, int64(i%16)<<16); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLocalPut64M writes packs as captures do: 1 MiB at a time.
func BenchmarkLocalPut64M(b *testing.B) {
	l, err := object.OpenLocal(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	chunk := make([]byte, 1<<20)
	b.SetBytes(64 << 20)
	for i := 0; b.Loop(); i++ {
		name := fmt.Sprintf("packs/%02x/c", i)
		u, err := l.PutIfAbsent(b.Context(), name)
		if err != nil {
			b.Fatal(err)
		}
		for range 64 {
			if _, err := u.Write(chunk); err != nil {
				b.Fatal(err)
			}
		}
		if err := u.Commit(); err != nil {
			b.Fatal(err)
		}
		if err := l.Delete(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLocalPutSmall(b *testing.B) {
	l, err := object.OpenLocal(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for i := 0; b.Loop(); i++ {
		if err := object.PutBytes(b.Context(), l, fmt.Sprintf("notes/%d", i), []byte("x")); err != nil {
			b.Fatal(err)
		}
	}
}
