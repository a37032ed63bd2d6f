//go:build cgo && !nolibnbd

package libvirt

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"vbfs/hyper/libvirt"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/ingest"
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
}

func newBench(t *testing.T, disks ...lab.Disk) *bench {
	t.Helper()
	host := lab.Start(t)
	if disks == nil {
		disks = []lab.Disk{{Target: "vda", Size: 4 * mib}, {Target: "vdb", Size: 2 * mib}}
	}
	b := &bench{t: t, host: host, dom: host.Domain(lab.Spec{Disks: disks}), repo: plainRepository(t), conn: dial(t, host.URI())}
	b.o = Options{Scratch: t.TempDir(), State: t.TempDir()}
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

func plainRepository(t *testing.T) *index.Repository {
	t.Helper()
	store, err := object.OpenLocal(t.TempDir())
	must(t, err)
	t.Cleanup(func() { store.Close() })
	must(t, index.Init(t.Context(), store, index.InitOptions{NoEncryption: true}))
	repo, err := index.Open(t.Context(), store, index.OpenOptions{Table: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { repo.Close() })
	return repo
}

// run captures a point of the domain, which may fail.
func (b *bench) run(level string) (*format.Manifest, error) {
	b.t.Helper()
	m, err := ingest.Run(b.t.Context(), b.repo, ingest.Options{Machine: "vm", Level: level, Audit: true, Source: New(b.conn, b.dom.Name, b.o)})
	if err != nil {
		return m, err
	}
	return b.repo.Point(b.t.Context(), m)
}

// take captures a point, and compares each disk in it with what the domain's holds.
func (b *bench) take(level string) *format.Manifest {
	b.t.Helper()
	m, err := b.run(level)
	if err != nil {
		b.t.Fatalf("%s: %v", level, err)
	}
	b.same(m)
	b.clean()
	return m
}

func (b *bench) same(m *format.Manifest) {
	b.t.Helper()
	for _, d := range m.Disks {
		if d.HasImage() {
			if want := b.dom.Content(d.Name); !bytes.Equal(stored(b.t, b.repo, m, d.Name), want) {
				b.t.Fatalf("%s: disk %s is not what it was: %+v", m.Name, d.Name, d)
			}
		}
	}
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
	return slices.DeleteFunc(b.checkpoints(), func(name string) bool { return !strings.HasPrefix(name, prefix(b.repo.ID())) })
}
