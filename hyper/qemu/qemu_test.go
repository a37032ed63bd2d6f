package qemu

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

func create(t *testing.T, name, format string, opts ...string) Image {
	t.Helper()
	image := Image{filepath.Join(t.TempDir(), name), format}
	if err := Create(t.Context(), image, 8<<20, CreateOptions{opts}); err != nil {
		t.Fatal(err)
	}
	return image
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, format, want string
		opts               []string
	}{
		{"a", QCow2, QCow2, nil},
		{"a", QCow2, QCow2, []string{"compat=0.10"}},
		{"a.img", VHDX, VHDX, nil},
		{"a", VDI, VDI, nil},
		{"a.vmdk", VMDK, VMDK, nil},
		{"a.vmdk", VMDK, VMDK, []string{"subformat=monolithicFlat"}},
		{"a.vmdk", VMDK, VMDK, []string{"subformat=streamOptimized"}},
		{"a", Raw, Raw, nil},
		{"a.raw", QCow2, Raw, nil}, // what a name calls raw is raw
		{"a.RAW", QCow2, Raw, nil},
	} {
		image := create(t, c.name, c.format, c.opts...)
		if got, err := Detect(image.Path); got != c.want || err != nil {
			t.Errorf("%s of %s %v: %q, %v", c.name, c.format, c.opts, got, err)
		}
	}
}

func TestDetectShortAndStrange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"empty": "", "short": "QFI", "qcow1": "QFI\xfb\x00\x00\x00\x01"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Detect(path); got != Raw || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := Detect(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestCreateAndInspect(t *testing.T) {
	t.Parallel()
	image := create(t, "a: b,c.qcow2", QCow2, "cluster_size=4096", "compat=1.1")
	info, err := Inspect(t.Context(), image)
	if err != nil || info.VirtualSize != 8<<20 || info.ClusterSize != 4096 || info.Path != image.Path || info.Format != QCow2 {
		t.Fatalf("%+v, %v", info, err)
	}
	if err := Create(t.Context(), image, 1<<20, CreateOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("over an image: %v", err)
	}
	bad := Image{image.Path + "2", QCow2}
	if err := Create(t.Context(), bad, 1<<20, CreateOptions{[]string{"none=such"}}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("an unknown option: %v", err)
	}
	if _, err := os.Stat(bad.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what could not be made stays: %v", err)
	}
	if _, err := Inspect(t.Context(), Image{Path: image.Path}); !errors.Is(err, ErrNoFormat) {
		t.Errorf("no format: %v", err)
	}
	if _, err := Inspect(t.Context(), Image{image.Path, VMDK}); err == nil {
		t.Error("a qcow2 is no vmdk")
	}
}

func TestDataFiles(t *testing.T) {
	t.Parallel()
	flat := create(t, "f.vmdk", VMDK, "subformat=monolithicFlat")
	dir := t.TempDir()
	external := Image{filepath.Join(dir, "q.qcow2"), QCow2}
	if err := Create(t.Context(), external, 1<<20, CreateOptions{[]string{"data_file=" + filepath.Join(dir, "d")}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		image Image
		want  string
	}{{flat, filepath.Join(filepath.Dir(flat.Path), "f-flat.vmdk")}, {external, filepath.Join(dir, "d")}} {
		info, err := Inspect(t.Context(), c.image)
		if err != nil || len(info.DataFiles) != 1 || info.DataFiles[0].Path != c.want {
			t.Errorf("%s: %+v, %v", c.image.Path, info.DataFiles, err)
		}
	}
	sparse := create(t, "s.vmdk", VMDK)
	if info, err := Inspect(t.Context(), sparse); err != nil || len(info.DataFiles) != 0 {
		t.Errorf("one file: %+v, %v", info.DataFiles, err)
	}
}

func TestChain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	tool(t, "qemu-img", "create", "-q", "-f", "raw", at("base"), "1M")
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", "base", "-F", "raw", at("mid"))
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", at("mid"), "-F", "qcow2", at("top"))
	chain, err := Chain(t.Context(), Image{at("top"), QCow2})
	if err != nil || len(chain) != 3 || chain[2].Image != (Image{at("base"), Raw}) {
		t.Fatalf("%+v, %v", chain, err)
	}
	tool(t, "qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "nbd://localhost/x", "-F", "raw", at("mid"))
	if _, err := Chain(t.Context(), Image{at("top"), QCow2}); !errors.Is(err, ErrBacking) {
		t.Errorf("a base behind a server: %v", err)
	}
	unrecorded(t, at("mid"), at("base"))
	_, err = Chain(t.Context(), Image{at("top"), QCow2})
	if !errors.Is(err, ErrBacking) || !strings.Contains(err.Error(), "qemu-img rebase") {
		t.Errorf("a base of no format: %v", err)
	}
}

// unrecorded makes an image as qemu-img made them before version 6.1: without its base's format. Header offsets of
// QEMU, docs/interop/qcow2.txt: version 2 has none of the header extensions that hold it, when they are cut.
func unrecorded(t *testing.T, path, base string) {
	t.Helper()
	os.Remove(path)
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", "-b", base, "-F", "raw", path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, 8), 72); err != nil { // the extension that ends the list, first
		t.Fatal(err)
	}
}

func TestMissingTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Serve(t.Context(), Image{"/dev/null", Raw}, ServeOptions{})
	for _, err := range []error{err, Create(t.Context(), Image{filepath.Join(t.TempDir(), "a"), Raw}, 1, CreateOptions{})} {
		if !errors.Is(err, ErrNoTool) || !strings.Contains(err.Error(), "qemu-utils") {
			t.Errorf("%v", err)
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	image := create(t, "disk: a,b.qcow2", QCow2)
	writer := serve(t, image, ServeOptions{Writable: true, Discard: true, DetectZeroes: "unmap", Cache: "writeback"})
	tool(t, "qemu-io", "-f", "raw", "-c", "write -P 0x78 64k 4k", "-c", "flush", writer.URI())
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	reader := serve(t, image, ServeOptions{Shared: 3})
	stat, err := os.Stat(filepath.Dir(reader.Socket()))
	if err != nil || stat.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory: %v, %v", stat, err)
	}
	said := tool(t, "qemu-io", "-r", "-f", "raw", "-c", "read -P 0x78 64k 4k", "-c", "read -P 0 0 64k", reader.URI())
	if strings.Contains(said, "verification failed") {
		t.Error(said)
	}
	if out, err := exec.Command("qemu-io", "-f", "raw", "-c", "write 0 4k", reader.URI()).CombinedOutput(); err == nil {
		t.Errorf("a read-only server takes writes: %s", out)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(reader.Socket())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket's directory is left: %v", err)
	}
}

func serve(t *testing.T, image Image, opts ServeOptions) *Server {
	t.Helper()
	s, err := Serve(t.Context(), image, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestServeOfWhatCannotBe(t *testing.T) {
	t.Parallel()
	image := create(t, "disk", Raw)
	_, err := Serve(t.Context(), Image{image.Path, QCow2}, ServeOptions{})
	if err == nil || !strings.Contains(err.Error(), "not in qcow2 format") {
		t.Errorf("a wrong format: %v", err)
	}
	if _, err := Serve(t.Context(), Image{image.Path, ""}, ServeOptions{}); !errors.Is(err, ErrNoFormat) {
		t.Errorf("no format: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Serve(ctx, image, ServeOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestServerThatDied(t *testing.T) {
	t.Parallel()
	s := serve(t, create(t, "disk", Raw), ServeOptions{})
	s.process.Kill()
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Close: %v", err)
	}
}
