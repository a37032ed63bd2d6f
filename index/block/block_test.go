package block

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

// The IDs of the first bytes that keyed BLAKE3's own test vectors hash (key "whats the Elvish word for friend", input
// 0, 1, … 250, 0, 1, …), from github.com/BLAKE3-team/BLAKE3/test_vectors.
func TestSumIsKeyedBLAKE3(t *testing.T) {
	s := NewSummer([32]byte([]byte("whats the Elvish word for friend")))
	for n, want := range map[int]string{
		0: "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
		1: "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
	} {
		if got := s.Sum(make([]byte, n)).String(); got != want {
			t.Errorf("%d bytes: %s, not %s", n, got, want)
		}
	}
}

// TestGolden holds terms and IDs: stored digests and hashes stand on them for ever.
func TestGolden(t *testing.T) {
	s := NewSummer([32]byte{1, 2, 3})
	id := s.Sum([]byte("block"))
	term := s.Term(1<<40+7, id)
	if got := id.String(); got != goldenID {
		t.Errorf("ID %s", got)
	}
	if term != goldenTerm {
		t.Errorf("term %#x", term)
	}
	if s.Term(0, Unknown) == s.Term(1, Unknown) || s.Term(0, id) == s.Term(1, id) || s.Term(0, id) == s.Term(0, Unknown) {
		t.Error("terms do not depend on number and ID")
	}
	if hex.EncodeToString(Unknown[:4]) != "ffffffff" {
		t.Error("unknown ID changed")
	}
}

const goldenID = "13a36a5199928dc2232be5dadceb4e0a79237706bcaef05d4739cb48aede8d97"

var goldenTerm = Digest{Lo: 0x70454500b9f384c6, Hi: 0x5d624ebb23b971e5}

// TestDigestIsASum brings a sum up to date in random order, over carries and borrows.
func TestDigestIsASum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var terms []Digest
	var sum Digest
	for range 100 {
		d := Digest{r.Uint64(), r.Uint64()}
		terms, sum = append(terms, d), sum.Add(d)
	}
	r.Shuffle(len(terms), func(i, j int) { terms[i], terms[j] = terms[j], terms[i] })
	for _, d := range terms {
		sum = sum.Sub(d)
	}
	if sum != (Digest{}) {
		t.Errorf("%v is left", sum)
	}
	most := Digest{^uint64(0), ^uint64(0)}
	if got := most.Add(Digest{1, 0}); got != (Digest{}) {
		t.Errorf("2^128 is %v", got)
	}
	if got := (Digest{}).Sub(Digest{1, 0}); got != most {
		t.Errorf("-1 is %v", got)
	}
}

// TestRanges compares the arithmetic of ranges with a count of bytes, on a disk of a few blocks and a short last one.
func TestRanges(t *testing.T) {
	const size = 5*Size + 100
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		off := r.Int64N(size)
		n := 1 + r.Int64N(size-off)
		switch r.IntN(4) { // borders are what goes wrong
		case 0:
			off &^= Size - 1
		case 1:
			n = size - off
		}
		outer, inner := Outer(off, n), Inner(off, n, size)
		for b := range Count(size) {
			first, end := b*Size, b*Size+int64(Len(b, size))
			touched, whole := first < off+n && end > off, first >= off && end <= off+n
			if got := b >= outer.First && b < outer.End(); got != touched {
				t.Fatalf("Outer(%d, %d) = %v: block %d", off, n, outer, b)
			}
			if got := b >= inner.First && b < inner.End(); got != whole {
				t.Fatalf("Inner(%d, %d) = %v: block %d", off, n, inner, b)
			}
		}
	}
}

func TestLen(t *testing.T) {
	for _, test := range []struct {
		n, size int64
		want    int
	}{{0, 0, 0}, {0, 1, 1}, {0, Size, Size}, {1, Size, 0}, {1, Size + 5, 5}, {9, Size, 0}, {1<<44 - 1, 1 << 60, Size}} {
		if got := Len(test.n, test.size); got != test.want {
			t.Errorf("Len(%d, %d) = %d, not %d", test.n, test.size, got, test.want)
		}
	}
}

func TestIsZero(t *testing.T) {
	p := make([]byte, Size)
	for _, n := range []int{0, 1, 4095, Size} {
		if !IsZero(p[:n]) {
			t.Errorf("%d zeros are not zero", n)
		}
	}
	for _, i := range []int{0, 1, 4096, Size - 1} {
		p[i] = 1
		if IsZero(p) {
			t.Errorf("a byte at %d is zero", i)
		}
		p[i] = 0
	}
}

// FuzzRanges looks for a range that leaves the bytes or the disk.
func FuzzRanges(f *testing.F) {
	f.Add(int64(5), int64(70000), int64(1<<20))
	f.Fuzz(func(t *testing.T, off, n, size int64) {
		if size < 1 || size > 1<<60 || off < 0 || n < 1 || off >= size || n > size-off {
			return
		}
		outer, inner := Outer(off, n), Inner(off, n, size)
		if outer.First*Size > off || outer.End()*Size < off+n || outer.N < 1 || outer.End() > Count(size) {
			t.Errorf("Outer(%d, %d) = %v of %d", off, n, outer, size)
		}
		if inner.N < 0 || inner.N > 0 && (inner.First*Size < off || inner.First < outer.First || inner.End() > outer.End()) {
			t.Errorf("Inner(%d, %d, %d) = %v", off, n, size, inner)
		}
	})
}

func BenchmarkSum(b *testing.B) {
	s, p := NewSummer([32]byte{}), make([]byte, Size)
	b.SetBytes(Size)
	for b.Loop() {
		s.Sum(p)
	}
}

func BenchmarkTerm(b *testing.B) {
	s := NewSummer([32]byte{})
	for b.Loop() {
		s.Term(1, ID{})
	}
}
