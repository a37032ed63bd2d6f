package format

import (
	"bytes"
	"encoding/hex"
	"errors"
	flags "flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flags.Bool("update", false, "write the golden files anew: the stored format changes")

// TestGolden holds the bytes of every structure, so that a change of the format is a difference in review.
func TestGolden(t *testing.T) {
	for _, s := range samples() {
		file := filepath.Join("testdata", s.name+".hex")
		if *update {
			if err := os.WriteFile(file, []byte(hex.Dump(s.bytes)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.Dump(s.bytes); got != string(want) {
			t.Errorf("%s changed:\n%sis\n%s", s.name, got, want)
		}
		if again, err := s.again(s.bytes); err != nil || !bytes.Equal(again, s.bytes) {
			t.Errorf("%s does not survive: %v", s.name, err)
		}
	}
}

// mutants calls f with every byte of b changed in three ways, every cut, and a byte too many.
func mutants(b []byte, f func([]byte)) {
	for i := range b {
		for _, x := range []byte{1, 0x80, 0xff} {
			m := bytes.Clone(b)
			m[i] ^= x
			f(m)
		}
		f(b[:i])
	}
	f(append(bytes.Clone(b), 0))
}

// TestMutants decodes every small change of every sample: it is refused with one of the two marks, or it encodes to the
// same bytes again.
func TestMutants(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			mutants(s.bytes, func(b []byte) { checkDecoder(t, s.again, b) })
		})
	}
}

func checkDecoder(t *testing.T, again func([]byte) ([]byte, error), b []byte) {
	t.Helper()
	before := bytes.Clone(b)
	got, err := again(b)
	if !bytes.Equal(b, before) {
		t.Fatalf("decoder changed its input %x", before)
	}
	if err == nil && !bytes.Equal(got, b) {
		t.Fatalf("%x decodes and encodes to %x", b, got)
	}
	if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnknown) {
		t.Fatalf("%x: unmarked error %v", b, err)
	}
}

// TestSealedIsBound opens a sealed object in no other place and as no other kind.
func TestSealedIsBound(t *testing.T) {
	sealed := samples()[11].bytes
	if _, err := Open(KindManifest, gcm, []byte("other"), sealed); !errors.Is(err, ErrMalformed) {
		t.Errorf("in another place: %v", err)
	}
	if _, err := Open(KindPending, gcm, []byte("place"), sealed); !errors.Is(err, ErrMalformed) {
		t.Errorf("as another kind: %v", err)
	}
	mutants(sealed, func(b []byte) {
		if _, err := Open(KindManifest, gcm, []byte("place"), b); err == nil {
			t.Fatalf("%x opens", b)
		}
	})
}

func TestEverySampleIsGolden(t *testing.T) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range samples() {
		names[s.name] = true
	}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".hex"); ok && !names[name] {
			t.Errorf("%s is of no sample", f.Name())
		}
	}
}
