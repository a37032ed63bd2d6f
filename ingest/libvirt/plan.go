package libvirt

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/mark"
)

// Facts are what is known of a domain before it is held still.
type facts struct {
	uuid        string
	disks       []libvirt.Disk
	sizes       map[string]int64  // by target, of those that are captured
	origins     map[string]string // by target: format.Disk.Origin
	inside      map[string]bool   // targets whose image has snapshots in itself
	bitmaps     map[string][]string
	snapshots   int
	checkpoints []libvirt.Checkpoint
}

// A planned disk is what is to be done with it.
type planned struct {
	libvirt.Disk
	size     int64
	origin   string
	skip     string // why it is left out
	mark     bool   // it is in the checkpoint to make
	unmarked string // why not
	since    string // checkpoint to count from; "" reads all
	fallback string // why, though changes were asked for
}

// noBitmap tells formats that keep a bitmap from those that do not: QEMU, docs/interop/bitmaps.
const noBitmap = "its format %s has no place for a bitmap of changes"

// left says why a disk is left out, by what it is; "" is that it is captured.
func left(d libvirt.Disk, skip func(string) string) string {
	why := ""
	if skip != nil {
		why = skip(d.Target)
	}
	switch {
	case why != "":
		return why
	case d.Source == "":
		return "empty " + d.Device
	case d.Device == "floppy", d.Device == "lun", d.Device == "cdrom":
		return map[string]string{
			"floppy": "floppy disk", "cdrom": "CD-ROM: what is in it is not the machine's", "lun": "passed through to the guest as a whole device (lun)",
		}[d.Device]
	case d.ReadOnly:
		return "read-only: the machine cannot have changed it"
	case d.Shareable:
		return "shareable: other machines write to it, so that it has no one instant"
	case d.Transient:
		return "transient: what is written to it is forgotten when the machine ends"
	case slices.Contains([]string{"dir", "vhostuser", "vhostvdpa"}, d.Kind):
		return fmt.Sprintf("of type %s, which QEMU does not serve", d.Kind)
	}
	return ""
}

// plan decides for each disk whether and how it is captured.
func plan(f *facts, w ingest.Wish, skip func(string) string) []planned {
	var out []planned
	for _, d := range f.disks {
		p := planned{Disk: d, size: f.sizes[d.Target], origin: f.origins[d.Target], skip: left(d, skip)}
		if p.skip == "" && w.Level != ingest.Copy {
			p.unmarked = f.unmarked(d)
			p.mark = p.unmarked == ""
		}
		if p.skip == "" && (w.Level == ingest.Inc || w.Level == ingest.Diff) {
			p.since, p.fallback = f.since(&p, w)
		}
		out = append(out, p)
	}
	return out
}

// unmarked says why no checkpoint can be made of a disk.
func (f *facts) unmarked(d libvirt.Disk) string {
	switch {
	case d.Format != "qcow2":
		return fmt.Sprintf(noBitmap, d.Format)
	case f.snapshots > 0:
		return "the domain has snapshots, beside which libvirt makes no checkpoint"
	case f.inside[d.Target]:
		return "its image has snapshots inside, going back to which no bitmap of changes would tell"
	}
	return ""
}

// since gives the checkpoint to count a disk's changes from, or says why there is none.
func (f *facts) since(p *planned, w ingest.Wish) (since, why string) {
	switch {
	case p.unmarked != "":
		return "", p.unmarked
	case w.Base == nil && w.Level == ingest.Diff:
		return "", "no complete point that is a full one has a checkpoint of its own"
	case w.Base == nil:
		return "", "no complete point has a checkpoint of its own"
	}
	if was := w.Base.Fact(domainFact); was != f.uuid {
		return "", fmt.Sprintf("point %s is of another domain, of UUID %s", w.Base.Name, was)
	}
	name := mark.Name(w.Repository, w.Base.Point)
	if why := f.differs(p, w.Base, name); why != "" {
		return "", why
	}
	if why := f.watched(p.Target, w.Base, name); why != "" {
		return "", why
	}
	return name, ""
}

// differs says why a disk is not the one that the base has, as far as can be told.
func (f *facts) differs(p *planned, base *format.Manifest, name string) string {
	d, ok := base.Disk(p.Target)
	switch {
	case !ok || !d.HasImage():
		return fmt.Sprintf("point %s does not have the disk", base.Name)
	case d.Tracking != name:
		return fmt.Sprintf("no checkpoint was made of the disk at point %s", base.Name)
	case d.Size != p.size:
		return fmt.Sprintf("the disk's size changed from %d to %d bytes", d.Size, p.size)
	case d.Origin != p.origin || p.origin == "":
		return fmt.Sprintf("the disk was %s and is %s", d.Origin, p.origin)
	}
	return ""
}

// watched says why libvirt cannot have watched the disk since the base.
func (f *facts) watched(target string, base *format.Manifest, name string) string {
	i := slices.IndexFunc(f.checkpoints, func(c libvirt.Checkpoint) bool { return c.Name == name })
	switch {
	case i < 0:
		return fmt.Sprintf("checkpoint %s is not there any more", name)
	case base.Fact(checkpointFact) != strconv.FormatInt(f.checkpoints[i].Created.Unix(), 10):
		return fmt.Sprintf("checkpoint %s is another one of that name", name)
	case !slices.Contains(f.checkpoints[i].Disks, target):
		return fmt.Sprintf("checkpoint %s has no bitmap of the disk", name)
	}
	return ""
}

// retreat takes back what a job may have failed for: changes or checkpoint of the disk that libvirt's words name, else the
// changes of all, else the checkpoint. It tells whether there was anything.
func retreat(plan []planned, err error) bool {
	for _, hopeless := range []error{libvirt.ErrTimeout, libvirt.ErrLost, libvirt.ErrDenied, libvirt.ErrNoDomain, libvirt.ErrClosed, ErrConsistency} {
		if errors.Is(err, hopeless) {
			return false
		}
	}
	back := func(drop func(*planned) bool) (any bool) {
		for i := range plan {
			any = drop(&plan[i]) || any
		}
		return any
	}
	named := func(p *planned) bool { return p.Named(err) }
	return back(func(p *planned) bool { return named(p) && p.readAll(err) }) ||
		back(func(p *planned) bool { return named(p) && p.noMark(err) }) ||
		back(func(p *planned) bool { return p.readAll(err) }) ||
		back(func(p *planned) bool { return p.noMark(err) })
}

func (p *planned) readAll(err error) bool {
	if p.since == "" {
		return false
	}
	p.since, p.fallback = "", words(err)
	return true
}

func (p *planned) noMark(err error) bool {
	if !p.mark {
		return false
	}
	p.mark, p.unmarked = false, words(err)
	return true
}

// words are what libvirt said, on one line.
func words(err error) string { return "libvirt: " + strings.Join(strings.Fields(err.Error()), " ") }

// Names of facts in a point's Hypervisor.
const (
	domainFact     = "libvirt-domain"
	checkpointFact = "libvirt-checkpoint-time" // seconds since 1970, by the host's clock
)
