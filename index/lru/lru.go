package lru

import (
	"container/list"
	"sync"
)

// A Cache maps keys to immutable values up to a bound on the sum of their costs. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	max int64
	mu  sync.Mutex // guards all below
	sum int64
	m   map[K]*list.Element // of *entry[K, V]
	use list.List           // most recent first
	run map[K]*flight[V]
}

type entry[K comparable, V any] struct {
	key   K
	value V
	cost  int64
}

type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// New makes a cache that keeps values of up to max bytes in all.
func New[K comparable, V any](max int64) *Cache[K, V] {
	return &Cache[K, V]{max: max, m: map[K]*list.Element{}, run: map[K]*flight[V]{}}
}

// Get gives the value of k if it is there.
func (c *Cache[K, V]) Get(k K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.get(k)
}

func (c *Cache[K, V]) get(k K) (v V, ok bool) {
	e, ok := c.m[k]
	if !ok {
		return v, false
	}
	c.use.MoveToFront(e)
	return e.Value.(*entry[K, V]).value, true
}

// Add puts a value of that cost in bytes, and evicts what was used longest ago.
func (c *Cache[K, V]) Add(k K, v V, cost int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(k, v, cost)
}

func (c *Cache[K, V]) add(k K, v V, cost int64) {
	c.remove(k)
	c.m[k] = c.use.PushFront(&entry[K, V]{k, v, cost})
	c.sum += cost
	for c.sum > c.max && c.use.Len() > 1 {
		c.remove(c.use.Back().Value.(*entry[K, V]).key)
	}
}

// Remove drops a value.
func (c *Cache[K, V]) Remove(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(k)
}

func (c *Cache[K, V]) remove(k K) {
	if e, ok := c.m[k]; ok {
		c.sum -= e.Value.(*entry[K, V]).cost
		c.use.Remove(e)
		delete(c.m, k)
	}
}

// Clear drops all values. What is being loaded goes to those who wait for it already, and to nobody after them.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m, c.run, c.sum = map[K]*list.Element{}, map[K]*flight[V]{}, 0
	c.use.Init()
}

// GetOrLoad gives the value of k, loading it if need be: load gives the value and its cost in bytes. Callers that miss
// the same key at once share one load and its error.
func (c *Cache[K, V]) GetOrLoad(k K, load func() (V, int64, error)) (V, error) {
	c.mu.Lock()
	if v, ok := c.get(k); ok {
		c.mu.Unlock()
		return v, nil
	}
	if f, ok := c.run[k]; ok {
		c.mu.Unlock()
		<-f.done
		return f.value, f.err
	}
	f := &flight[V]{done: make(chan struct{}), err: errPanicked}
	c.run[k] = f
	c.mu.Unlock()
	c.load(k, f, load)
	return f.value, f.err
}

func (c *Cache[K, V]) load(k K, f *flight[V], load func() (V, int64, error)) {
	var cost int64
	defer func() {
		c.mu.Lock()
		if c.run[k] == f { // else it was cleared meanwhile
			delete(c.run, k)
			if f.err == nil {
				c.add(k, f.value, cost)
			}
		}
		c.mu.Unlock()
		close(f.done)
	}()
	f.value, cost, f.err = load()
}
