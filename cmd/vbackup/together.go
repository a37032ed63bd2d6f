package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/ingest"
)

// A crowd is how many machines are captured at once.
type crowd struct{ machines, host, store int }

// How many of VMware's machines are captured at once when nobody says. To remove a snapshot merges what was written meanwhile: the machine
// stands still for moments, and the others of its datastore wait, so there are few of a datastore. A host's buffers for NFC (48 MB) and
// its web server bear some 50 connections, of which a machine takes one for each of up to 4 disks.
const (
	machinesAtOnce = 4
	perHost        = 4
	perDatastore   = 2
)

func (c *crowd) check(sources []source) error {
	for _, f := range []struct {
		name string
		n    int
	}{{"machines-at-once", c.machines}, {"per-host", c.host}, {"per-datastore", c.store}} {
		if f.n < 0 || f.n > 256 {
			return cli.Usage("--%s %d: between 1 and 256", f.name, f.n)
		}
	}
	if (c.host > 0 || c.store > 0) && !slices.ContainsFunc(sources, func(s source) bool { return s.host == "vsphere" }) {
		return cli.Usage("--per-host and --per-datastore are for sources vsphere: alone")
	}
	return nil
}

// limits are those for the machines of a run: of other hypervisors than VMware's one at a time, when nobody says.
func (c *crowd) limits(all []machine) limits {
	l := limits{c.machines, perHost, perDatastore}
	if c.host > 0 {
		l.host = c.host
	}
	if c.store > 0 {
		l.store = c.store
	}
	if l.machines == 0 {
		l.machines = machinesAtOnce
		if slices.ContainsFunc(all, func(m machine) bool { return m.whole == nil || m.whole.host != "vsphere" }) {
			l.machines = 1
		}
	}
	return l
}

// load is what capturing the machine puts load on.
func (m machine) load() load {
	if m.whole == nil || m.whole.vm == nil {
		return load{}
	}
	return load{m.whole.vm.Host, m.whole.vm.Datastores}
}

// A fleet is the machines of a run on their way.
type fleet struct {
	*backup
	repo     *index.Repository
	machines []machine
	pool     *ingest.Pool
	progress []ingest.Progress // of each
	outcomes []outcome

	telling sync.Mutex // held while a machine is told of, so that its lines stay together

	mu   sync.Mutex // of what follows; never held while something is printed, for the progress bar waits for it
	busy []string   // names of machines at work
	done int
}

// captureAll captures the machines, several at once, and gives what became of each, in their order. One that fails does not keep the
// others from it. When ctx ends none begins any more, and the outcomes are not all there.
func (b *backup) captureAll(ctx context.Context, repo *index.Repository, all []machine) []outcome {
	limits, loads := b.crowd.limits(all), make([]load, len(all))
	f := &fleet{
		backup: b, repo: repo, machines: all, pool: ingest.NewPool(b.workers, int64(b.rate), min(limits.machines, len(all))),
		progress: make([]ingest.Progress, len(all)), outcomes: make([]outcome, len(all)),
	}
	for i, m := range all {
		loads[i], f.outcomes[i].machine = m.load(), m
	}
	work := cli.Work{Name: f.name(), Now: f.name, Total: f.total, Done: f.read}
	b.app.During(work, func() error {
		newSchedule(limits, loads).run(func() bool { return ctx.Err() != nil }, func(i int) { f.work(ctx, i) })
		return nil
	})
	return f.outcomes
}

// work captures machine i, and tells of it.
func (f *fleet) work(ctx context.Context, i int) {
	m, o := f.machines[i], &f.outcomes[i]
	f.note(func() { f.busy = append(f.busy, m.String()) })
	*o = outcome{machine: m, start: time.Now().UTC()}
	o.machine.progress = &f.progress[i]
	o.point, o.err = f.capture(ctx, &o.machine)
	o.took = time.Since(o.start)
	f.note(func() {
		f.busy = slices.DeleteFunc(f.busy, func(name string) bool { return name == m.String() })
		f.done++
	})
	f.telling.Lock()
	f.tell(ctx, o)
	f.telling.Unlock()
	f.writeBack(ctx, o)
}

func (f *fleet) note(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// name says who is at work.
func (f *fleet) name() (name string) {
	f.note(func() {
		name = strings.Join(f.busy, ", ")
		if n := len(f.machines); n > 1 {
			name = strings.TrimSpace(fmt.Sprintf("%s (%d of %d done)", name, f.done, n))
		}
	})
	return name
}

func (f *fleet) total() (n int64) {
	for i := range f.progress {
		n += f.progress[i].Total.Load()
	}
	return n
}

func (f *fleet) read() (n int64) {
	for i := range f.progress {
		n += f.progress[i].Done.Load()
	}
	return n
}

// verdict is what the run comes to: an exit code, as what failed was told.
func verdict(outcomes []outcome) error {
	var codes []int
	points := 0
	for i := range outcomes {
		codes = append(codes, outcomes[i].codes...)
		if outcomes[i].point != nil {
			points++
		}
	}
	switch {
	case codes == nil:
		return nil
	case points > 0:
		return cli.Told(cli.Partly)
	case slices.Min(codes) == slices.Max(codes):
		return cli.Told(codes[0])
	}
	return cli.Told(cli.Failed)
}
