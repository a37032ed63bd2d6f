package fs

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// aheadFrom is how long reads have to be for the next one to be fetched before it is asked for: shorter ones come at
// random, or the kernel gathers them itself.
const aheadFrom = 128 << 10

// ahead fetches what a reader that goes on in order will ask for next, so that blocks are decoded while the kernel copies
// the last answer. Its zero value is ready. It fetches one answer at a time, of up to maxRequest bytes; reads that are not
// in order pass it by, any number at once.
type ahead struct {
	mu     sync.Mutex // guards all below
	next   int64      // where the last read ended
	coming *fetch     // nil for none
}

// A fetch is an answer on its way. It belongs to who takes it out of ahead, and is an answer to the kernel then, which spares
// a copy: fuse.ReadResult.
type fetch struct {
	off  int64
	buf  []byte
	err  error
	done chan struct{} // closed when it is there
}

// read answers with what was fetched, if that is it, else fills p from off of w, and then fetches what comes next.
func (a *ahead) read(w window, p []byte, off int64) (fuse.ReadResult, error) {
	if f := a.take(off, len(p)); f != nil {
		<-f.done
		if f.err == nil {
			a.goOn(w, off, len(p))
			return f, nil
		}
	}
	n, err := w.ReadAt(p, off)
	if err == nil {
		a.goOn(w, off, n)
	}
	return fuse.ReadResultData(p[:n]), err
}

// Slices gives the answer to be written as it lies, after which comes Done.
func (f *fetch) Slices() ([][]byte, fuse.Status) { return [][]byte{f.buf}, fuse.OK }

// Bytes implements fuse.ReadResult. It copies: Done may come before the answer is written.
func (f *fetch) Bytes(p []byte) ([]byte, fuse.Status) { return append(p[:0], f.buf...), fuse.OK }

// Size implements fuse.ReadResult.
func (f *fetch) Size() int { return len(f.buf) }

// Done implements fuse.ReadResult.
func (f *fetch) Done() {
	b := f.buf
	buffers.Put(&b)
}

// buffers are those of fetches that were answered.
var buffers sync.Pool

// buffer gives n bytes that hold anything.
func buffer(n int) []byte {
	if b, ok := buffers.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n)
}

// take gives the fetch of n bytes at off, if that is under way.
func (a *ahead) take(off int64, n int) *fetch {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.coming
	if f == nil || f.off != off || len(f.buf) != n {
		return nil
	}
	a.coming = nil
	return f
}

// goOn fetches what comes after a read of n bytes at off, if that one was in order and the next is whole.
func (a *ahead) goOn(w window, off int64, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	inOrder := off == a.next
	a.next = off + int64(n)
	if !inOrder || n < aheadFrom || a.next+int64(n) > w.size || a.coming != nil && !a.coming.ended() {
		return
	}
	f := &fetch{off: a.next, buf: buffer(n), done: make(chan struct{})}
	a.coming = f
	go func() {
		defer close(f.done)
		_, f.err = w.ReadAt(f.buf, f.off) // all of it, or an error
	}()
}

func (f *fetch) ended() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// end returns when nothing is being fetched any more.
func (a *ahead) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.coming != nil {
		<-a.coming.done
	}
}
