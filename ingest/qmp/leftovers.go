package qmp

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"vbfs/hyper/qmp"
)

// things matches the names of what runs make in QEMU; the tag, and the letter that says what kind it is. Marks do not match.
var things = regexp.MustCompile(`^vbfs-(?:tmp-)?([0-9a-f]{12})(?:-([a-z])[0-9]+)?$`)

func validTag(tag string) bool { return tagOf("vbfs-"+tag) == tag }

// tagOf gives the tag of the run that made a thing of that name, or "".
func tagOf(name string) string {
	if m := things.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}

func kindOf(name string) string {
	if m := things.FindStringSubmatch(name); m != nil {
		return m[2]
	}
	return ""
}

// clear undoes what killed runs of this machine left, and removes the files of those whose QEMU is gone, too.
func (m *Machine) clear(ctx context.Context, c *qmp.Client) error {
	runs, err := m.leftovers(ctx, c)
	if err != nil {
		return err
	}
	for _, r := range runs {
		alive, err := r.alive()
		if err != nil {
			return err
		}
		if alive {
			return fmt.Errorf("monitor %s: %w (it keeps %s)", m.socket, ErrUnderWay, r.dir)
		}
		err = r.undo(ctx, c)
		if err == nil {
			err = r.end()
		}
		if err != nil {
			r.unlock()
			return fmt.Errorf("undo what a killed run left: %w", err)
		}
	}
	return nil
}

// leftovers lists the runs that this QEMU, or a note of this machine, knows of.
func (m *Machine) leftovers(ctx context.Context, c *qmp.Client) ([]*run, error) {
	all, err := m.notes()
	if err != nil {
		return nil, err
	}
	known := map[string]*run{}
	for _, r := range all {
		known[r.tag] = r
	}
	seen := map[string]string{} // directory, by tag
	if err := inQEMU(ctx, c, seen); err != nil {
		return nil, err
	}
	var runs []*run
	for _, r := range all {
		if _, there := seen[r.tag]; there || r.record.Socket == m.socket || r.orphan() {
			runs = append(runs, r)
		}
	}
	for tag, dir := range seen {
		if known[tag] == nil {
			r := &run{tag: tag, note: m.notePath(tag)}
			r.at(dir)
			runs = append(runs, r)
		}
	}
	return runs, nil
}

// orphan tells whether both the run and its QEMU are gone.
func (r *run) orphan() bool {
	if r.record.Process.PID == 0 || r.record.Process.Alive() {
		return false
	}
	alive, err := r.alive()
	return err == nil && !alive
}

// inQEMU notes the tags of all that runs made in a QEMU, and where a scratch file says that they keep their files.
func inQEMU(ctx context.Context, c *qmp.Client, seen map[string]string) error {
	jobs, err := jobIDs(ctx, c)
	if err != nil {
		return err
	}
	exports, err := exportIDs(ctx, c)
	if err != nil {
		return err
	}
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return err
	}
	names := append(jobs, exports...)
	for _, n := range nodes {
		names = append(names, n.Name)
		for _, b := range n.Bitmaps {
			names = append(names, b.Name)
		}
	}
	for _, name := range names {
		if tag := tagOf(name); tag != "" && seen[tag] == "" {
			seen[tag] = ""
		}
	}
	for _, n := range nodes {
		if kindOf(n.Name) == "f" {
			seen[tagOf(n.Name)] = filepath.Dir(filename(n.File))
		}
	}
	return nil
}

func jobIDs(ctx context.Context, c *qmp.Client) (ids []string, err error) {
	jobs, err := c.Jobs(ctx)
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	return ids, err
}

func exportIDs(ctx context.Context, c *qmp.Client) (ids []string, err error) {
	exports, err := c.Exports(ctx)
	for _, e := range exports {
		ids = append(ids, e.ID)
	}
	return ids, err
}

// whose names the foreign exports that keep the NBD server.
func whose(exports []qmp.Export) string {
	var ids []string
	for _, e := range exports {
		if e.Type == "nbd" {
			ids = append(ids, e.ID)
		}
	}
	if ids == nil {
		return "it has no export now"
	}
	return "it exports " + strings.Join(ids, ", ")
}
