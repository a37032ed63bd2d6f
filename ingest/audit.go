package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"

	"vbfs/index"
	"vbfs/index/block"
)

// How many blocks an audit reads of those that a source calls unchanged: so many for each hundred that it calls changed,
// and no fewer than leastAudit. Reading is the cheaper part of what is done with a changed block. A tracking that hides
// one block in a hundred passes 64 with probability 0.53 and 200 increments never; one that hides half passes none.
const (
	auditShare = 3 // per cent
	leastAudit = 64
)

func auditSize(changed int64) int64 { return max(leastAudit, (changed*auditShare+99)/100) }

// A lieError is a block that a source calls unchanged although it is not what the parent has.
type lieError struct {
	disk string
	n    int64
}

func (l *lieError) Error() string {
	return fmt.Sprintf("the change tracking of disk %s reported block %d (at byte %d) unchanged although it differs from the newest point",
		l.disk, l.n, l.n<<block.Log2Size)
}

// planAudit sends what is to be read of the blocks that were not reported as changed.
func (r *run) planAudit(ctx context.Context, told *reported, size int64, work chan<- job) error {
	ranges := told.others(block.Count(size))
	unchanged := block.Count(size) - told.n
	if n := auditSize(told.n); !r.o.Audit && n < unchanged {
		ranges = ranked(ranges, pick(r.dice(), unchanged, n))
	}
	for batch := range batches(ranges, chunk>>block.Log2Size) {
		for _, b := range batch {
			r.o.Progress.Total.Add(bytesOf(b, size))
		}
		if err := send(ctx, work, job{audit: batch}); err != nil {
			return err
		}
	}
	return nil
}

// audit reads blocks that the source calls unchanged, all at once because they are scattered, and compares them with the
// parent.
func (h *reading) audit(ctx context.Context, batch []block.Range) error {
	parts, err := h.readBatch(ctx, batch)
	if err != nil {
		return err
	}
	for i, r := range batch {
		p := parts[i]
		for n := r.First; n < r.End(); n++ {
			b := p[:min(block.Size, len(p))]
			same, err := h.k.Same(ctx, h.dw, n, b)
			if err != nil {
				return err
			}
			if !same {
				return &lieError{h.dw.Name(), n}
			}
			p = p[len(b):]
		}
	}
	return nil
}

// readBatch reads ranges that fit into the buffer together.
func (h *reading) readBatch(ctx context.Context, batch []block.Range) (parts [][]byte, err error) {
	buf := h.buf
	for _, r := range batch {
		n := bytesOf(r, h.src.Size())
		parts, buf = append(parts, buf[:n:n]), buf[n:]
	}
	n := len(h.buf) - len(buf)
	if err := h.r.o.Pool.pace.wait(ctx, n); err != nil {
		return nil, err
	}
	var g errgroup.Group
	for i, r := range batch {
		g.Go(func() error {
			off := r.First << block.Log2Size
			if err := readFull(h.src, parts[i], off); err != nil {
				return sourceError(err, "read %d bytes at %d", len(parts[i]), off)
			}
			h.dw.Counts.Audited.Add(int64(len(parts[i])))
			return nil
		})
	}
	err = g.Wait()
	h.r.o.Progress.Done.Add(int64(n))
	return parts, err
}

// dice gives a source of chance for one disk.
func (r *run) dice() *rand.Rand {
	r.mu.Lock()
	defer r.mu.Unlock()
	var seed [32]byte
	for i := 0; i < len(seed); i += 8 {
		binary.LittleEndian.PutUint64(seed[i:], r.rng.Uint64())
	}
	return rand.New(rand.NewChaCha8(seed))
}

// errDoubtful says that a disk was captured by its changes while another one's turned out to be lies.
var errDoubtful = errors.New("the change tracking is not believed any more")

// believed takes a disk that was captured by its changes, if no lie was found meanwhile.
func (r *run) believed(d *Disk, dw *index.DiskWriter) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.distrusted != "" {
		r.drop(d, dw)
		return errDoubtful
	}
	r.tracked = append(r.tracked, trackedDisk{d, dw})
	return nil
}

// distrust takes back what was captured of the point by changes: it is to be read in full, and so is what comes.
func (r *run) distrust(lie *lieError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.distrusted != "" {
		return
	}
	r.distrusted = lie.Error()
	m := &r.w.Manifest
	m.Warnings = append(m.Warnings, r.distrusted+": all tracked disks were read in full; older points may hold stale bytes there")
	for _, t := range r.tracked {
		r.drop(t.disk, t.writer)
		r.todo = append(r.todo, t.disk)
		r.good--
	}
	r.tracked = nil
}

// A trackedDisk was captured by its changes.
type trackedDisk struct {
	disk   *Disk
	writer *index.DiskWriter
}

// drop takes a disk out of the point, to be captured again. What its audit read was read all the same. With r.mu held.
func (r *run) drop(d *Disk, dw *index.DiskWriter) {
	r.audited[d] += dw.Counts.Audited.Load()
	dw.Drop()
}
