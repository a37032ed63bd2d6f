//go:build cgo && !nolibnbd

package libvirt

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"vbfs/hyper/libvirt"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
	"vbfs/ingest/mark"
	"vbfs/testdata/lab"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// A bench is a domain in a lab, a repository, and what joins them.
type bench struct {
	t    *testing.T
	host *lab.Host
	dom  *lab.Domain
	conn *libvirt.Conn
	repo *index.Repository
	o    Options

	meddle func(*ingest.Shot) // is called while the domain is held, before anything is read
	midway func()             // is called once when something was read
}

func newBench(t *testing.T, disks ...lab.Disk) *bench {
	t.Helper()
	return benchOn(t, lab.Start(t), lab.Spec{Disks: disks})
}

// benchOn makes a domain of a host that others share; without disks it gets two.
func benchOn(t *testing.T, host *lab.Host, s lab.Spec) *bench {
	t.Helper()
	if s.Disks == nil {
		s.Disks = []lab.Disk{{Target: "vda", Size: 4 * mib}, {Target: "vdb", Size: 2 * mib}}
	}
	host = host.As(t)
	b := &bench{t: t, host: host, dom: host.Domain(s), repo: indextest.Plain(t), conn: dial(t, host.URI())}
	b.o = Options{Scratch: scratchDir(t), State: t.TempDir()}
	return b
}

func dial(t *testing.T, uri string) *libvirt.Conn {
	t.Helper()
	conn, err := libvirt.Dial(t.Context(), uri)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run captures a point of the domain, which may fail.
func (b *bench) run(level string) (*format.Manifest, error) {
	b.t.Helper()
	m, err := ingest.Run(b.t.Context(), b.repo, ingest.Options{Machine: "vm", Level: level, Audit: true, Source: b})
	if err != nil {
		return m, err
	}
	return b.repo.Point(b.t.Context(), m)
}

func (b *bench) Base(points []*format.Manifest, level string) *format.Manifest {
	return New(b.conn, b.dom.Name, b.o).Base(points, level)
}

func (b *bench) Take(ctx context.Context, w ingest.Wish) (*ingest.Shot, error) {
	s, err := New(b.conn, b.dom.Name, b.o).Take(ctx, w)
	if err == nil && b.meddle != nil {
		b.meddle(s)
	}
	if err == nil && b.midway != nil {
		once := sync.OnceFunc(b.midway)
		for i := range s.Disks {
			open := s.Disks[i].Open
			s.Disks[i].Open = func(ctx context.Context, changes bool) (ingest.Source, error) {
				src, err := open(ctx, changes)
				return &midway{src, once}, err
			}
		}
	}
	return s, err
}

// A midway has something happen when the first read was done.
type midway struct {
	ingest.Source
	happen func()
}

func (m *midway) ReadAt(p []byte, off int64) (int, error) {
	defer m.happen()
	return m.Source.ReadAt(p, off)
}

// take captures a point, and compares each disk in it with what the domain's held before.
func (b *bench) take(level string) *format.Manifest {
	b.t.Helper()
	before := b.contents()
	m, err := b.run(level)
	if err != nil {
		b.t.Fatalf("%s: %v", level, err)
	}
	for _, d := range m.Disks {
		if d.HasImage() && !bytes.Equal(stored(b.t, b.repo, m, d.Name), before[d.Name]) {
			b.t.Fatalf("%s: disk %s is not what it was: %+v", m.Name, d.Name, d)
		}
	}
	b.clean()
	return m
}

// contents gives what the disks hold, by target.
func (b *bench) contents() map[string][]byte {
	b.t.Helper()
	out := map[string][]byte{}
	for line := range strings.Lines(b.dom.Virsh("domblklist")) {
		if f := strings.Fields(line); len(f) == 2 && f[1] != "-" && !strings.HasSuffix(f[1], ".iso") {
			out[f[0]] = b.dom.Content(f[0])
		}
	}
	return out
}

func stored(t *testing.T, repo *index.Repository, m *format.Manifest, disk string) []byte {
	t.Helper()
	im, err := repo.Image(m, disk)
	must(t, err)
	p := make([]byte, im.Size())
	if _, err := im.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

// clean fails when something is left of a run: a job, files, checkpoints that nobody needs.
func (b *bench) clean() {
	b.t.Helper()
	if out, err := b.host.TryVirsh("backup-dumpxml", b.dom.Name); err == nil {
		b.t.Errorf("a job is left: %s", out)
	}
	b.noFiles()
	if n := len(b.ours()); n > 2 {
		b.t.Errorf("%d checkpoints: %q", n, b.ours())
	}
}

// checkpoints lists the domain's.
func (b *bench) checkpoints() []string {
	b.t.Helper()
	return strings.Fields(b.dom.Virsh("checkpoint-list", "--name"))
}

func (b *bench) ours() []string {
	b.t.Helper()
	return slices.DeleteFunc(b.checkpoints(), func(name string) bool { return !strings.HasPrefix(name, mark.Prefix(b.repo.ID())) })
}

// noFiles fails when something is left in the scratch directory.
func (b *bench) noFiles() {
	b.t.Helper()
	left, err := os.ReadDir(b.o.Scratch)
	must(b.t, err)
	if len(left) > 0 {
		b.t.Errorf("left behind: %v", left)
	}
}

// disk gives a point's disk.
func disk(t *testing.T, m *format.Manifest, name string) format.Disk {
	t.Helper()
	d, ok := m.Disk(name)
	if !ok {
		t.Fatalf("point %s has no disk %s", m.Name, name)
	}
	return *d
}

// scratchDir is a short one: a socket's path has at most 107 bytes.
func scratchDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sc")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
