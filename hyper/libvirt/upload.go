package libvirt

import (
	"context"
	"encoding/binary"
	"fmt"
)

// An Upload writes a volume in order, from an offset on, over a connection of its own.
type Upload struct {
	s    *stream
	what string
}

// Upload begins to write at an offset, in bytes; the file grows as far as it is written. It ends with the context. What is written
// does not become durable by it: libvirt leaves that to its host.
func (v *Volume) Upload(ctx context.Context, off int64) (*Upload, error) {
	s, err := v.stream(ctx, procUpload, off, 0)
	if err != nil {
		return nil, fmt.Errorf("upload %s: %w", v.path, err)
	}
	return &Upload{s, v.path}, nil
}

// stream begins a stream of n bytes at an offset, or of all from there on. Its arguments are remote_storage_vol_upload_args, which are
// those of a download as well: libvirt, src/remote/remote_protocol.x.
func (v *Volume) stream(ctx context.Context, proc uint32, off, n int64) (*stream, error) {
	s, err := v.conn.stream(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.begin(proc, v.args(off, n)); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (v *Volume) args(off, n int64) (b []byte) {
	for _, text := range []string{v.raw.Pool, v.raw.Name, v.raw.Key} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
		b = append(b, make([]byte, -len(text)&3)...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(off))
	b = binary.BigEndian.AppendUint64(b, uint64(n))
	return binary.BigEndian.AppendUint32(b, sparse)
}

// Write implements io.Writer. An error may be of what was written before.
func (u *Upload) Write(p []byte) (n int, err error) {
	for n < len(p) {
		part := p[n:min(len(p), n+maxData)]
		if err := u.send(typeStream, statusContinue, part); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

// Skip leaves a hole of n bytes, which read as zeros in a file that had none there. At the end of the file it makes it that much longer.
func (u *Upload) Skip(n int64) error {
	if n == 0 {
		return nil
	}
	hole := make([]byte, 12) // virNetStreamHole: its length, and flags
	binary.BigEndian.PutUint64(hole, uint64(n))
	return u.send(typeHole, statusContinue, hole)
}

func (u *Upload) send(kind, status uint32, payload []byte) error {
	err := u.s.calledOff()
	if err == nil {
		err = u.s.refused(procUpload)
	}
	if err == nil {
		err = u.s.send(procUpload, kind, status, payload)
	}
	if err != nil {
		return fmt.Errorf("upload %s: %w", u.what, err)
	}
	return nil
}

// Finish returns when the daemon has written all that it was given. Only Close may follow. libvirt 9.0 does not tell when the last of it
// did not fit: the file is shorter then, see Size.
func (u *Upload) Finish() error {
	err := u.s.calledOff()
	if err == nil {
		err = u.s.end(procUpload, statusOK)
	}
	if err != nil {
		return fmt.Errorf("upload %s: %w", u.what, err)
	}
	return nil
}

// Close ends the upload. The daemon calls one off that is not finished: what it has written of it stays.
func (u *Upload) Close() { u.s.close() }
