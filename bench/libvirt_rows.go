package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const virtnbd, virtnbdPacked = "virtnbdbackup", "virtnbdbackup -z"

// libvirtRows compare with virtnbdbackup, on domains whose disks are equal.
func libvirtRows() []row {
	return append(libvirtFullRows(), libvirtIncrementRow(), libvirtNothingRow(),
		libvirtRestoreRow(9, "<= 0.8", 0.8), libvirtRestoreRow(0, "<= 1.1", 1.1), libvirtStoredRow())
}

func libvirtFullRows() (all []row) {
	for _, c := range []struct {
		compression, peer, goal string
		bound                   float64
		args                    []string
	}{
		{"zstd", virtnbd, "<= 0.9", 0.9, nil},
		{"zstd", virtnbdPacked, "<= 0.8", 0.8, []string{"-z"}},
		{"s2", virtnbd, "<= 0.65", 0.65, nil},
	} {
		all = append(all, row{
			work: "full of a libvirt domain, " + c.compression + " repository", peer: c.peer, goal: c.goal, unit: "s", bound: c.bound,
			start: func(ctx context.Context, l *lab) (contest, error) {
				t, err := l.twins(ctx)
				if err != nil {
					return contest{}, err
				}
				return contest{ours: t.ourFull(c.compression), peer: t.theirFull(c.args...), close: t.close}, nil
			},
		})
	}
	return all
}

func libvirtIncrementRow() row {
	return row{
		work: fmt.Sprintf("increment of %d MiB of a libvirt domain", changeMiB), peer: virtnbd, goal: "<= 0.4", unit: "s", bound: 0.4,
		start: func(ctx context.Context, l *lab) (contest, error) {
			c, err := l.lineage(ctx, 0, false)
			if err != nil {
				return contest{}, err
			}
			return contest{
				ours: func(ctx context.Context) (float64, error) {
					if err := c.change(changeMiB); err != nil { // of both
						return 0, err
					}
					return c.capture(ctx, c.repo, "inc")
				},
				peer:  func(ctx context.Context) (float64, error) { return c.theirBackup(ctx, c.set, "inc") },
				close: c.close,
			}, nil
		},
	}
}

// libvirtNothingRow tells what we add to what libvirt takes to begin and end a job, and to drop the checkpoint before.
func libvirtNothingRow() row {
	return row{
		work: "increment of nothing of a libvirt domain, without the key derivation", peer: "libvirt's own job and checkpoints, by virsh",
		goal: "<= 0.3 s more", unit: "s", bound: 0.3, ratio: func(ours, peer float64) float64 { return ours - peer },
		start: func(ctx context.Context, l *lab) (contest, error) {
			c, err := l.lineage(ctx, 0, false)
			if err != nil {
				return contest{}, err
			}
			j := &bareJobs{c.twins, 0}
			return contest{ours: c.nothing, peer: j.next, close: c.close}, nil
		},
	}
}

// nothing is our increment without changes, without the derivation of the password's key.
func (c *lineage) nothing(ctx context.Context) (float64, error) {
	key, err := derive(ctx, c.repo)
	if err != nil {
		return 0, err
	}
	took, err := c.capture(ctx, c.repo, "inc")
	return took - key/1000, err
}

// bareJobs are backup jobs that nobody reads from.
type bareJobs struct {
	*twins
	n int
}

// next does what a backup asks of libvirt: a job with a new checkpoint that goes on from the last one, its end, and the end of
// the last checkpoint.
func (j *bareJobs) next(context.Context) (took float64, err error) {
	j.n++
	since := ""
	if j.n > 1 {
		since = fmt.Sprintf("<incremental>bare%d</incremental>", j.n-1)
	}
	socket, scratch := j.l.socket(), j.l.path("scratch")
	job, mark := filepath.Join(j.host.Dir, "job.xml"), filepath.Join(j.host.Dir, "mark.xml")
	err = errors.Join(
		os.WriteFile(job, fmt.Appendf(nil, `<domainbackup mode='pull'>%s<server transport='unix' socket='%s'/><disks>`+
			`<disk name='vda' backup='yes' type='file'><scratch file='%s'/></disk></disks></domainbackup>`, since, socket, scratch), 0o600),
		os.WriteFile(mark, fmt.Appendf(nil, `<domaincheckpoint><name>bare%d</name></domaincheckpoint>`, j.n), 0o600))
	if err != nil {
		return 0, err
	}
	return seconds(func() error {
		return caught(func() {
			j.theirs.Virsh("backup-begin", job, mark)
			j.theirs.Virsh("domjobabort")
			if j.n > 1 {
				j.theirs.Virsh("checkpoint-delete", fmt.Sprint("bare", j.n-1))
			}
		})
	})
}

func libvirtRestoreRow(increments int, goal string, bound float64) row {
	return row{
		work: fmt.Sprintf("restore to qcow2 of point %d of a libvirt domain", 1+increments), peer: "virtnbdrestore", goal: goal, unit: "s", bound: bound,
		start: func(ctx context.Context, l *lab) (contest, error) {
			c, err := l.lineage(ctx, increments, false)
			if err != nil {
				return contest{}, err
			}
			return contest{ours: c.restored, peer: c.theirRestored, close: c.close}, nil
		},
	}
}

func libvirtStoredRow() row {
	return row{
		work: "stored bytes of 10 points of a libvirt domain", peer: virtnbdPacked, goal: "<= 0.9", unit: "MiB", bound: 0.9, once: true,
		start: func(ctx context.Context, l *lab) (contest, error) {
			c, err := l.lineage(ctx, 9, true)
			if err != nil {
				return contest{}, err
			}
			ours, theirs := c.sizes()
			return contest{ours: ours, peer: theirs, close: c.close}, nil
		},
	}
}
