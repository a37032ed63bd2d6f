//go:build cgo && !nolibnbd

package nbd

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"vbfs/ingest"
	"vbfs/ingest/sourcetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	odd, even := sample(6<<20+123), sample(6<<20)
	oddFile, evenFile := imageFile(t, odd), imageFile(t, even)
	qcow2 := filepath.Join(t.TempDir(), "disk.qcow2")
	runTool(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", evenFile, qcow2)
	kit := func(args ...string) string {
		uri, _ := nbdkit(t, args...)
		return uri
	}
	for _, c := range []struct {
		name  string
		uri   string
		plain []byte
		opts  Options
	}{
		{"nbdkit", kit("file", oddFile), odd, Options{}},
		{"one-connection", kit("file", oddFile), odd, Options{Connections: 1, RequestsInFlight: 1}},
		{"no-structured-replies", kit("--no-sr", "file", oddFile), odd, Options{}},
		{"no-block-status", kit("--filter=noextents", "file", oddFile), odd, Options{}},
		{"no-multi-conn", kit("--filter=multi-conn", "file", oddFile, "multi-conn-mode=disable"), odd, Options{}},
		{"4k-blocks", kit("--filter=blocksize-policy", "file", evenFile, "blocksize-error-policy=error",
			"blocksize-minimum=4096", "blocksize-preferred=4096", "blocksize-maximum=65536"), even, Options{}},
		{"qemu-nbd-raw", qemuNBD(t, "-r", "-f", "raw", evenFile), even, Options{}},
		{"qemu-nbd-qcow2", qemuNBD(t, "-r", "-f", "qcow2", qcow2), even, Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sourcetest.Test(t, func(t *testing.T) ingest.Source { return open(t, c.uri, c.opts) }, c.plain)
		})
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	file := imageFile(t, sample(1<<20))
	many, _ := nbdkit(t, "file", file, "--readonly")
	one, _ := nbdkit(t, "--filter=multi-conn", "file", file, "multi-conn-mode=disable")
	for _, c := range []struct {
		uri  string
		ask  int
		want int
	}{{many, 0, 4}, {many, 2, 2}, {one, 0, 1}, {one, 3, 1}} {
		if n := open(t, c.uri, Options{Connections: c.ask}).Connections(); n != c.want {
			t.Errorf("asked for %d: %d connections, not %d", c.ask, n, c.want)
		}
	}
}

func TestExtentsOfAServer(t *testing.T) {
	t.Parallel()
	const content = "1 @0x20000 2 @0x100000 3"
	with, _ := nbdkit(t, "data", content, "size=2M")
	without, _ := nbdkit(t, "--filter=noextents", "data", content, "size=2M")
	plain, _ := nbdkit(t, "--no-sr", "data", content, "size=2M")
	empty, _ := nbdkit(t, "data", "")
	whole := []ingest.Extent{{Len: 2 << 20}}
	for _, c := range []struct {
		name, uri string
		want      []ingest.Extent
	}{
		// The data plugin allocates pages of 32 KiB.
		{"block status", with, []ingest.Extent{
			data(0, 0x8000), zero(0x8000, 0x18000), data(0x20000, 0x8000), zero(0x28000, 0xd8000),
			data(0x100000, 0x8000), zero(0x108000, 0xf8000)}},
		{"no block status", without, whole},
		{"no structured replies", plain, whole},
		{"an empty disk", empty, nil},
	} {
		if got := collect(t, open(t, c.uri, Options{})); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, not %+v", c.name, got, c.want)
		}
	}
}

func TestBitmapThatIsNotThere(t *testing.T) {
	t.Parallel()
	file := imageFile(t, sample(1<<20))
	structured, _ := nbdkit(t, "file", file)
	simple, _ := nbdkit(t, "--no-sr", "file", file)
	for name, uri := range map[string]string{
		"nbdkit": structured, "no structured replies": simple, "qemu-nbd": qemuNBD(t, "-r", "-f", "raw", file),
	} {
		if _, err := Open(t.Context(), uri, Options{Bitmaps: []string{"backup"}}); !errors.Is(err, ErrNoBitmap) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
