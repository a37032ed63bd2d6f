package ingest_test

import (
	"math/rand/v2"
	"testing"

	"vbfs/index/block"
	"vbfs/ingest"
)

// Samples are of the size asked for, in order, without repetition, and never of what was reported.
func TestSamples(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		n := 1 + rng.Int64N(2000)
		var reports []block.Range
		reported := map[int64]bool{}
		for next := rng.Int64N(n + 1); next < n; next += 1 + rng.Int64N(400) {
			r := block.Range{First: next, N: 1 + rng.Int64N(min(n-next, 600))}
			reports = append(reports, r)
			for next = r.First; next < r.End(); next++ {
				reported[next] = true
			}
		}
		unchanged := n - int64(len(reported))
		k := rng.Int64N(n + 10)
		last, count := int64(-1), int64(0)
		for _, r := range ingest.Sample(uint64(round), reports, n, k) {
			if r.First <= last || r.N <= 0 || r.End() > n {
				t.Fatalf("%v after block %d of %d", r, last, n)
			}
			last, count = r.End()-1, count+r.N
			for b := r.First; b < r.End(); b++ {
				if reported[b] {
					t.Fatalf("block %d was reported", b)
				}
			}
		}
		if count != min(k, unchanged) {
			t.Fatalf("%d blocks of %d unchanged, not %d", count, unchanged, k)
		}
	}
}

// Every unchanged block is as likely as any other to be chosen, those at borders too.
func TestSamplesAreUniform(t *testing.T) {
	t.Parallel()
	const n, k, rounds = 700, 60, 6000
	reports := []block.Range{{First: 3, N: 1}, {First: 100, N: 300}, {First: 511, N: 1}, {First: 690, N: 10}}
	const unchanged = n - 312
	hits := map[int64]int{}
	for round := range rounds {
		for _, r := range ingest.Sample(uint64(round), reports, n, k) {
			hits[r.First]++
		}
	}
	if len(hits) != unchanged {
		t.Fatalf("%d blocks were ever chosen, not %d", len(hits), unchanged)
	}
	// Chi-square with 387 degrees of freedom, scaled for drawing without replacement: mean 387, deviation 28.
	want := float64(rounds*k) / unchanged
	chi := 0.0
	for _, h := range hits {
		chi += (float64(h) - want) * (float64(h) - want) / (want * (1 - float64(k)/unchanged))
	}
	if chi > 387+5*28 || chi < 387-5*28 {
		t.Errorf("chi-square %.0f", chi)
	}
}

func TestAuditSize(t *testing.T) {
	t.Parallel()
	for changed, want := range map[int64]int64{0: 64, 1: 64, 2133: 64, 2134: 65, 100_000: 3000, 100_001: 3001, 1 << 28: 8053064} {
		if got := ingest.AuditSize(changed); got != want {
			t.Errorf("%d blocks changed: %d, not %d", changed, got, want)
		}
	}
}

// Batches hold what was given, in order, and no more than fits.
func TestBatches(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		var ranges []block.Range
		var want, got []int64
		for first := int64(0); len(ranges) < 20; {
			r := block.Range{First: first + rng.Int64N(50), N: 1 + rng.Int64N(40)}
			ranges = append(ranges, r)
			want = numbers(want, r)
			first = r.End()
		}
		all := ingest.Batches(ranges, 16)
		for i, batch := range all {
			before := len(got)
			for _, r := range batch {
				got = numbers(got, r)
			}
			if n := len(got) - before; n > 16 || n < 16 && i < len(all)-1 {
				t.Fatalf("a batch of %d blocks", n)
			}
		}
		for i := range want {
			if len(got) != len(want) || got[i] != want[i] {
				t.Fatalf("%v, not %v", got, want)
			}
		}
	}
}

func numbers(list []int64, r block.Range) []int64 {
	for n := r.First; n < r.End(); n++ {
		list = append(list, n)
	}
	return list
}
