package table

import (
	"context"
	"math/rand/v2"
	"testing"

	"vbfs/index/format"
)

const benchKeys = 1_000_000

func BenchmarkWrite(b *testing.B) {
	dir := b.TempDir()
	entries := newEntries(1, benchKeys)
	for b.Loop() {
		b.StopTimer()
		rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		b.StartTimer()
		write(b, dir, entries)
	}
	perKey(b)
	tab := open(b, dir)
	b.ReportMetric(float64(tab.Segments()[0].Bytes)/benchKeys, "B/key")
}

// perKey reports the rate of a benchmark whose operation is benchKeys keys.
func perKey(b *testing.B) {
	b.ReportMetric(float64(b.N)*benchKeys/b.Elapsed().Seconds(), "keys/s")
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	write(b, dir, newEntries(1, benchKeys))
	for b.Loop() {
		tab, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		tab.Close()
	}
}

func BenchmarkLookup(b *testing.B) {
	dir := b.TempDir()
	entries := newEntries(1, benchKeys)
	write(b, dir, entries)
	tab := open(b, dir)
	rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	misses := newEntries(2, benchKeys)
	run := func(entries []Entry, want bool) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if has(tab, entries[i]) != want {
					b.Fatal(entries[i])
				}
				i = (i + 1) % len(entries)
			}
		}
	}
	b.Run("hit", run(entries, true))
	b.Run("miss", run(misses, false))
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.IntN(len(entries)); pb.Next(); i = (i + 1) % len(entries) {
				has(tab, entries[i])
			}
		})
	})
}

func BenchmarkMerge(b *testing.B) {
	dirs := b.TempDir()
	for b.Loop() {
		b.StopTimer()
		dir := dirs + "/" + format.UUID{byte(b.N)}.String()
		for i := range fanIn {
			write(b, dir, newEntries(uint64(i), benchKeys/fanIn))
		}
		tab := open(b, dir)
		b.StartTimer()
		if err := tab.Merge(context.Background(), Keep{}); err != nil {
			b.Fatal(err)
		}
	}
	perKey(b)
}
