package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// notes begins what people write under the table. It is kept when the table is written anew.
const notes = "## What the profiles show\n"

func report(l *lab, results []result) string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\nWritten by `make bench`; what stands under the table is kept.\n\n")
	b.WriteString(describeMachine() + "\n")
	if l.o.quick {
		b.WriteString("**A quick run: sizes are an eighth or less of what the table says.**\n\n")
	}
	fmt.Fprintf(&b, "Image: %d MiB, GPT with one ext4 partition, %d MiB of 64 KiB blocks that are not zero, made of real files. "+
		"Warm page cache. Default settings (zstd, encrypted) unless said.\n\n", l.disk.size>>20, l.disk.dataBytes()>>20)
	fmt.Fprintf(&b, "Ours and the peer take turns in one run, after a round to warm up. Figures are medians of %d valid rounds, the "+
		"ratio is the median of the rounds' own ratios. A round is dropped when a plain read of the image, before and after it "+
		"(each the median of three), moved by more than %.0f %%, or when other programs had more than %.0f %% of the processors meanwhile.\n\n",
		l.o.rounds, 100*drift, 100*company)
	b.WriteString("| work | peer | goal | ours | peer's | ratio | | rounds (dropped) |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range results {
		b.WriteString(line(r))
	}
	b.WriteString("\nPeers: " + strings.Join(versions(), "; ") + ".\n")
	return b.String()
}

func line(r result) string {
	if r.failed != nil {
		return fmt.Sprintf("| %s | %s | %s | | | | %s | |\n", r.work, r.peer, r.goal, r.verdict())
	}
	theirs, ratio, rounds := "", "", fmt.Sprintf("%d (%d)", r.valid, r.dropped)
	if r.peer != "" {
		theirs, ratio = figure(r.theirs, r.unit), fmt.Sprintf("%.2f", r.ratio)
	}
	if r.once {
		rounds = ""
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.work, r.peer, r.goal, figure(r.ours, r.unit), theirs,
		ratio, r.verdict(), rounds)
}

// figure writes three digits, and all before the point.
func figure(v float64, unit string) string {
	digits := 0
	for x := v; x < 100 && digits < 3; x *= 10 {
		digits++
	}
	return fmt.Sprintf("%.*f %s", digits, v, unit)
}

func writeReport(path, text string) error {
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, kept, ok := strings.Cut(string(before), notes); ok {
		text += "\n" + notes + kept
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
