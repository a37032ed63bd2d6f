package fs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vbfs/fs"
	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
)

// A lab is a repository in a folder.
type lab struct {
	t     *testing.T
	dir   string
	store object.Store
	repo  *index.Repository // the writer's
}

var password = []byte("correct horse")

func newLab(t *testing.T, o index.InitOptions) *lab {
	t.Helper()
	l := &lab{t: t, dir: t.TempDir()}
	store, err := object.OpenLocal(l.dir)
	check(t, err)
	t.Cleanup(func() { store.Close() })
	l.store = store
	if !o.NoEncryption {
		o.Password = password
	}
	check(t, index.Init(t.Context(), store, o))
	l.repo = l.open(o.Password, filepath.Join(l.dir, "table"))
	return l
}

// open opens the repository once more, as another process would.
func (l *lab) open(password []byte, table string) *index.Repository {
	l.t.Helper()
	repo, err := index.Open(l.t.Context(), l.store, index.OpenOptions{Password: password, Table: table})
	check(l.t, err)
	l.t.Cleanup(func() { repo.Close() })
	return repo
}

// A disk is what a test backs up: its bytes, or else the bytes of a file, or else size zeros.
type disk struct {
	format.Disk
	plain []byte
	file  string
}

func plain(name string, b []byte) disk {
	return disk{Disk: format.Disk{ID: name, Name: name, Size: int64(len(b))}, plain: b}
}

func inFile(t *testing.T, name, file string) disk {
	t.Helper()
	st, err := os.Stat(file)
	check(t, err)
	return disk{Disk: format.Disk{ID: name, Name: name, Size: st.Size()}, file: file}
}

// A shot is a point to be taken.
type shot struct {
	machine string
	at      time.Time
	disks   []disk
	edit    func(*format.Manifest)
}

// second gives an instant of a fixed day.
func second(s int) time.Time { return time.Date(2026, 11, 20, 20, 3, s, 0, time.UTC) }

func (l *lab) backup(s shot) *format.Manifest {
	l.t.Helper()
	w := l.begin(s)
	m, err := w.Commit(l.t.Context())
	check(l.t, err)
	return m
}

// begin does all of a backup but the commit.
func (l *lab) begin(s shot) *index.Writer {
	l.t.Helper()
	ctx := l.t.Context()
	w, err := l.repo.Begin(ctx, index.BeginOptions{Machine: s.machine, Time: s.at, Tool: "test"})
	check(l.t, err)
	l.t.Cleanup(func() { w.Abort(context.Background()) })
	w.Manifest.Done, w.Manifest.Consistency = "full", "crash"
	if s.edit != nil {
		s.edit(&w.Manifest)
	}
	for _, d := range s.disks {
		dw, err := w.Disk(d.Disk, nil, false)
		check(l.t, err)
		k, err := w.Worker()
		check(l.t, err)
		for i := range dw.Leaves() {
			check(l.t, d.fill(ctx, k, dw, i))
		}
		check(l.t, k.Close())
	}
	return w
}

func (d disk) fill(ctx context.Context, k *index.Worker, dw *index.DiskWriter, i int64) error {
	leaf, err := k.Leaf(ctx, dw, i)
	if err != nil {
		return err
	}
	r := dw.LeafRange(i)
	src := io.ReaderAt(bytes.NewReader(d.plain))
	switch {
	case d.file != "":
		f, err := os.Open(d.file)
		if err != nil {
			return err
		}
		defer f.Close()
		src = f
	case d.plain == nil:
		if err := leaf.Zero(ctx, r); err != nil {
			return err
		}
		return leaf.Done(ctx)
	}
	buf := make([]byte, block.Size)
	for n := r.First; n < r.End(); n++ {
		p := buf[:block.Len(n, d.Size)]
		if _, err := src.ReadAt(p, n<<block.Log2Size); err != nil && err != io.EOF {
			return err
		}
		if err := leaf.Put(ctx, n, p); err != nil {
			return err
		}
	}
	return leaf.Done(ctx)
}

// mount mounts the repository, opened anew, until the test ends.
func (l *lab) mount(o fs.Options) string {
	l.t.Helper()
	return l.mountRepo(l.open(nil, ""), o)
}

func (l *lab) mountRepo(repo *index.Repository, o fs.Options) string {
	l.t.Helper()
	dir := l.t.TempDir()
	m, err := fs.Mount(l.t.Context(), dir, repo, o)
	check(l.t, err)
	l.t.Cleanup(func() { check(l.t, m.Unmount()) })
	return dir
}

// patchy makes bytes that are partly holes; the holes' edges are anywhere.
func patchy(seed uint64, size int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, size)
	for off := 0; off < size; {
		n := min(1+rnd.IntN(8*block.Size), size-off)
		if rnd.IntN(2) == 0 {
			for i := range b[off : off+n] {
				b[off+i] = byte(rnd.IntN(16))
			}
		}
		off += n
	}
	return b
}

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

// run runs a command and gives its output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	check(t, err)
	return b
}

// eventually waits for what has to come true within a time.
func eventually(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
