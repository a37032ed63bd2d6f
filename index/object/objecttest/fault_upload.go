package objecttest

import (
	"context"
	"fmt"
	"io"

	"vbfs/index/object"
)

// faultUpload keeps an Upload's own promises whatever the hook does: it does not commit what has a gap, and it leaves
// nothing behind.
type faultUpload struct {
	fault   *Fault
	name    string
	u       object.Upload
	written int64
	ended   bool  // what comes then is not worth an operation
	err     error // the first failed write
}

func (f *faultUpload) Write(p []byte) (int, error) {
	if f.ended {
		return f.u.Write(p)
	}
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.write(p)
	f.written += int64(n)
	f.err = err
	return n, err
}

func (f *faultUpload) write(p []byte) (int, error) {
	op := Op{Verb: Write, Name: f.name, Off: f.written, Len: int64(len(p))}
	a, err := f.fault.act(context.Background(), op)
	if err != nil {
		return 0, err
	}
	if a.Cut && a.Keep < op.Len {
		p = p[:a.Keep]
		if a.After == nil {
			a.After = io.ErrShortWrite
		}
	}
	n, err := f.u.Write(p)
	if err == nil {
		err = wrap(op, a.After)
	}
	return n, err
}

func (f *faultUpload) Commit() error {
	if f.ended {
		return f.u.Commit()
	}
	f.ended = true
	op := Op{Verb: Commit, Name: f.name, Len: f.written}
	if f.err != nil {
		f.u.Abort()
		return fmt.Errorf("commit %s: %w", f.name, f.err)
	}
	a, err := f.fault.act(context.Background(), op)
	if err != nil {
		f.u.Abort()
		return err
	}
	if err := f.u.Commit(); err != nil {
		return err
	}
	return wrap(op, a.After)
}

func (f *faultUpload) Abort() error {
	if f.ended {
		return f.u.Abort()
	}
	f.ended = true
	op := Op{Verb: Abort, Name: f.name, Len: f.written}
	a, failed := f.fault.act(context.Background(), op)
	if err := f.u.Abort(); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return wrap(op, a.After)
}
