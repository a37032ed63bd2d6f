package cli

import "testing"

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "0.98 KiB", 1536: "1.50 KiB", 10 << 20: "10.0 MiB", 100 << 30: "100 GiB", 16 << 40: "16.0 TiB",
		1<<63 - 1: "8.00 EiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d: %q, not %q", n, got, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int64{
		"0": 0, "512": 512, "64K": 64 << 10, "100M": 100 << 20, "1.5GiB": 3 << 29, "2Ti": 2 << 40, "10MB": 10 << 20, "7B": 7,
	} {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("%q: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "x", "-1", "1KK", "1X", "M", "NaN", "Inf", "9999999T", "1iB", "1 MiB/s"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("%q is %d", s, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"web01 größe": "web01 größe", "a\x1b[2Jb": `a\x1b[2Jb`, "a\nb": `a\nb`, "a\u202eb": `a\u202eb`,
	} {
		if got := Printable(s); got != want {
			t.Errorf("%q: %q, not %q", s, got, want)
		}
	}
}
