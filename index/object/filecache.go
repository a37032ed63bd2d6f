package object

import (
	"os"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sys/unix"
)

// cachedFiles is how many objects are kept open: a disk at the end of a year of scattered changes lies in hundreds of packs.
// Go raises the soft limit of open files to the hard one, which is 4,096 or more.
const cachedFiles = 1024

// fileCache keeps the most recently read objects open. A file is closed when it is both out of the cache and read
// by no one.
type fileCache struct {
	open func(name string) (*os.File, error)

	mu  sync.Mutex
	lru *simplelru.LRU[string, *cachedFile]
}

// cachedFile is an open object. refs, guarded by the cache's mutex, counts its readers, and the cache as one of them.
type cachedFile struct {
	*os.File
	refs int
}

func newFileCache(open func(string) (*os.File, error)) *fileCache {
	c := &fileCache{open: open}
	c.lru, _ = simplelru.NewLRU(cachedFiles, func(_ string, f *cachedFile) { f.unref() })
	return c
}

// acquire returns the object's open file, for a release later. Another process may have deleted the object, and even
// put the name again: a file without a name is not used.
func (c *fileCache) acquire(name string) (*cachedFile, error) {
	if f := c.cached(name); f != nil {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err == nil && st.Nlink > 0 {
			return f, nil
		}
		c.release(f)
		c.drop(name)
	}
	file, err := c.open(name)
	if err != nil {
		return nil, err
	}
	return c.add(name, file), nil
}

func (c *fileCache) cached(name string) *cachedFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.lru.Get(name)
	if !ok {
		return nil
	}
	f.refs++
	return f
}

// add caches a file that was just opened, in place of one that someone else has opened meanwhile.
func (c *fileCache) add(name string, file *os.File) *cachedFile {
	f := &cachedFile{File: file, refs: 2}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Remove(name)
	c.lru.Add(name, f)
	return f
}

func (c *fileCache) release(f *cachedFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.unref()
}

// drop forgets an object; who reads it goes on.
func (c *fileCache) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Remove(name)
}

func (c *fileCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Purge()
}

func (f *cachedFile) unref() {
	if f.refs--; f.refs == 0 {
		f.Close()
	}
}
