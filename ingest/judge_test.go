package ingest_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
)

// What was accepted is a measure of what comes after it.
func TestAcceptedAnomalies(t *testing.T) {
	t.Parallel()
	repo := indextest.Plain(t)
	rng := rand.NewChaCha8([32]byte{1})
	data := bytes.Repeat([]byte("a line of text\n"), 24<<20/15)
	night := func(n int) *format.Manifest {
		t.Helper()
		rng.Read(data[:n])
		m, err := ingest.Run(t.Context(), repo, ingest.Options{Machine: "m", Disks: []ingest.Disk{disk("vda", whole(data))}})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for range 6 {
		if m := night(block.Size); m.Anomaly != "" {
			t.Fatalf("an ordinary night: %s", m.Anomaly)
		}
	}
	var flagged []*format.Manifest
	for range 3 {
		m := night(18 << 20)
		if m.Anomaly == "" {
			t.Fatal("a night like none before is not flagged")
		}
		flagged = append(flagged, m)
	}
	for _, m := range flagged {
		if err := repo.AddNote(t.Context(), m.Point, format.NoteAnomaly, format.NoteAccepted); err != nil {
			t.Fatal(err)
		}
	}
	if m := night(18 << 20); m.Anomaly != "" {
		t.Errorf("a night like those that were accepted: %s", m.Anomaly)
	}
}

// A point of the past that comes in late is no outlier among those that came after it.
func TestPastIsNotJudged(t *testing.T) {
	t.Parallel()
	repo := indextest.Plain(t)
	rng := rand.NewChaCha8([32]byte{2})
	data := bytes.Repeat([]byte("a line of text\n"), 24<<20/15)
	start := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	night := func(day, n int) *format.Manifest {
		t.Helper()
		rng.Read(data[:n])
		h := &host{data: data, at: start.AddDate(0, 0, day)}
		m, err := ingest.Run(t.Context(), repo, ingest.Options{Machine: "m", Source: h})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for day := range 6 {
		night(day, block.Size)
	}
	if m := night(-100, 18<<20); m.Anomaly != "" {
		t.Errorf("the past is flagged: %s", m.Anomaly)
	}
	if m := night(7, 18<<20); m.Anomaly == "" {
		t.Error("the present is not flagged")
	}
}
