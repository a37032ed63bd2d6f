package objecttest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"strings"
	"sync"

	"vbfs/index/object"
)

// Trace is a Store that writes down each operation, in the order in which they end, as a line:
//
//	put packs/xx/#1 4096        committed, with its size
//	abort packs/xx/#2 512
//	get packs/xx/#1 0+512       offset + length
//	list packs 1                objects yielded; everything is "list ."
//	stat config
//	delete points/#3: absent    exists, absent, or error
//
// Random names (16 hexadecimal digits or more, UUIDs) become #1, #2 in the order in which they are first met, so that the
// lines of two runs of the same work are the same.
type Trace struct {
	store object.Store

	mu    sync.Mutex
	lines []string
	names renamer
}

// NewTrace wraps s.
func NewTrace(s object.Store) *Trace { return &Trace{store: s} }

// String is all lines so far.
func (t *Trace) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "")
}

// Reset forgets the lines, but not which random name has which number.
func (t *Trace) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = nil
}

func (t *Trace) note(verb Verb, name, detail string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := strings.TrimRight(fmt.Sprintf("%s %s %s", verb, t.names.rename(name), detail), " ")
	t.lines = append(t.lines, line+outcome(err)+"\n")
}

func outcome(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, object.ErrExists):
		return ": exists"
	case errors.Is(err, object.ErrNotExist):
		return ": absent"
	}
	return ": error"
}

// PutIfAbsent implements object.Store.
func (t *Trace) PutIfAbsent(ctx context.Context, name string) (object.Upload, error) {
	u, err := t.store.PutIfAbsent(ctx, name)
	if err != nil {
		t.note(Put, name, "", err)
		return nil, err
	}
	return &traceUpload{Upload: u, trace: t, name: name}, nil
}

// Get implements object.Store.
func (t *Trace) Get(ctx context.Context, name string, p []byte, off int64) error {
	err := t.store.Get(ctx, name, p, off)
	t.note(Get, name, fmt.Sprintf("%d+%d", off, len(p)), err)
	return err
}

// List implements object.Store.
func (t *Trace) List(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	return func(yield func(object.Info, error) bool) {
		var failed error
		n := 0
		defer func() { t.note(List, path.Clean(prefix), fmt.Sprint(n), failed) }()
		for info, err := range t.store.List(ctx, prefix) {
			if failed = err; err == nil {
				n++
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// Delete implements object.Store.
func (t *Trace) Delete(ctx context.Context, name string) error {
	err := t.store.Delete(ctx, name)
	t.note(Delete, name, "", err)
	return err
}

// Stat implements object.Store.
func (t *Trace) Stat(ctx context.Context, name string) (object.Info, error) {
	info, err := t.store.Stat(ctx, name)
	t.note(Stat, name, "", err)
	return info, err
}

// traceUpload notes how an upload ended, not each write: how writers cut their bytes is nobody's business.
type traceUpload struct {
	object.Upload
	trace   *Trace
	name    string
	written int64
	ended   bool
}

func (u *traceUpload) Write(p []byte) (int, error) {
	n, err := u.Upload.Write(p)
	u.written += int64(n)
	return n, err
}

func (u *traceUpload) Commit() error {
	err := u.Upload.Commit()
	u.end(Put, err)
	return err
}

func (u *traceUpload) Abort() error {
	err := u.Upload.Abort()
	u.end(Abort, err)
	return err
}

func (u *traceUpload) end(verb Verb, err error) {
	if !u.ended {
		u.ended = true
		u.trace.note(verb, u.name, fmt.Sprint(u.written), err)
	}
}
