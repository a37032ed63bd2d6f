package objecttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vbfs/index/object"
)

// Memory is a Store in memory.
type Memory struct {
	mu      sync.Mutex
	objects map[string]stored // contents are never changed once they are in
}

type stored struct {
	content  []byte
	modified time.Time
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{objects: map[string]stored{}} }

// Clone returns a store of its own that holds what m holds now.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{objects: maps.Clone(m.objects)}
}

// PutIfAbsent implements object.Store.
func (m *Memory) PutIfAbsent(ctx context.Context, name string) (object.Upload, error) {
	if err := begin(ctx, name); err != nil {
		return nil, err
	}
	return &memoryUpload{m: m, name: name}, nil
}

// Get implements object.Store.
func (m *Memory) Get(ctx context.Context, name string, p []byte, off int64) error {
	o, err := m.lookup(ctx, "get", name)
	if err != nil {
		return err
	}
	if off < 0 {
		return fmt.Errorf("get %s: negative offset", name)
	}
	if n, _ := bytes.NewReader(o.content).ReadAt(p, off); n < len(p) {
		return fmt.Errorf("get %s: %w", name, io.ErrUnexpectedEOF)
	}
	return nil
}

// List implements object.Store: it yields what was there when it began.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	return func(yield func(object.Info, error) bool) {
		if err := object.CheckPrefix(prefix); err != nil {
			yield(object.Info{}, err)
			return
		}
		for _, info := range m.under(prefix) {
			if err := ctx.Err(); err != nil {
				yield(object.Info{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (m *Memory) under(prefix string) []object.Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	var infos []object.Info
	for name, o := range m.objects {
		if prefix == "" || strings.HasPrefix(name, prefix+"/") {
			infos = append(infos, o.info(name))
		}
	}
	slices.SortFunc(infos, func(a, b object.Info) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

// Delete implements object.Store.
func (m *Memory) Delete(ctx context.Context, name string) error {
	if err := begin(ctx, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[name]; !ok {
		return fmt.Errorf("delete %s: %w", name, object.ErrNotExist)
	}
	delete(m.objects, name)
	return nil
}

// Stat implements object.Store.
func (m *Memory) Stat(ctx context.Context, name string) (object.Info, error) {
	o, err := m.lookup(ctx, "stat", name)
	if err != nil {
		return object.Info{}, err
	}
	return o.info(name), nil
}

// Replace puts content under name whatever was there, as a failing disk or an attacker would.
func (m *Memory) Replace(name string, content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[name] = stored{content: bytes.Clone(content), modified: time.Now()}
}

func (m *Memory) lookup(ctx context.Context, verb, name string) (stored, error) {
	if err := begin(ctx, name); err != nil {
		return stored{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[name]
	if !ok {
		return stored{}, fmt.Errorf("%s %s: %w", verb, name, object.ErrNotExist)
	}
	return o, nil
}

func (o stored) info(name string) object.Info {
	return object.Info{Name: name, Size: int64(len(o.content)), Modified: o.modified}
}

func begin(ctx context.Context, name string) error {
	if err := object.CheckName(name); err != nil {
		return err
	}
	return ctx.Err()
}

type memoryUpload struct {
	m     *Memory
	name  string
	buf   bytes.Buffer
	ended bool
}

func (u *memoryUpload) Write(p []byte) (int, error) {
	if u.ended {
		return 0, fmt.Errorf("write %s: %w", u.name, object.ErrEnded)
	}
	return u.buf.Write(p)
}

func (u *memoryUpload) Commit() error {
	if u.ended {
		return fmt.Errorf("commit %s: %w", u.name, object.ErrEnded)
	}
	u.ended = true
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	if _, ok := u.m.objects[u.name]; ok {
		return fmt.Errorf("commit %s: %w", u.name, object.ErrExists)
	}
	u.m.objects[u.name] = stored{content: u.buf.Bytes(), modified: time.Now()}
	return nil
}

func (u *memoryUpload) Abort() error {
	u.ended = true
	return nil
}
