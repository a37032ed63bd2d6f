package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vbfs/cmd/internal/cli"
	vmware "vbfs/hyper/vsphere"
)

// names tells whether the source is of a hypervisor that has many machines.
func (s source) names() bool { return s.host == "libvirt" || s.host == "vsphere" }

// many tells whether machines are meant that the sources do not name.
func (w *wholeness) many() bool { return w.all || w.lists != nil }

// everyone puts machines in the place of sources that name several: of --all, of --list, of patterns. No machine is there twice.
// What a list names in vain is there, too, as lost.
func (b *backup) everyone(ctx context.Context, sources []source) (out []source, err error) {
	listed, err := b.whole.listed(sources)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		found := []source{s}
		switch {
		case s.host == "vsphere":
			found, err = b.whole.ofVMware(ctx, b.app, s.wants(listed, "/"))
		case s.host == "libvirt" && (s.name == "" || b.whole.without != nil || strings.ContainsAny(s.name, "*?[")):
			found, err = b.whole.ofLibvirt(ctx, s.wants(listed, "*"))
		}
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !slices.ContainsFunc(out, f.same) {
				out = append(out, f)
			}
		}
	}
	if len(out) == 0 {
		return nil, cli.Usage("--exclude-machine leaves no machine")
	}
	if out, err = b.choose(ctx, out); err != nil {
		return nil, err
	}
	return alone(out), nil
}

// listed reads the lists, of the one hypervisor that they are for.
func (w *wholeness) listed(sources []source) (out []wanted, err error) {
	if w.lists == nil {
		return nil, nil
	}
	host := ""
	for _, s := range sources {
		if s.names() && host != "" && s.host != host {
			return nil, cli.Usage("--list names machines of libvirt: or of vsphere:, not of both: back them up by a command for each")
		}
		if s.names() {
			host = s.host
		}
	}
	for _, file := range w.lists {
		more, err := readList(file)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// wants is what a source means: what it names, else what lists name, else all.
func (s source) wants(listed []wanted, all string) []wanted {
	switch {
	case s.name != "":
		return []wanted{{s.name, ""}}
	case listed != nil:
		return listed
	}
	return []wanted{{all, ""}}
}

// same tells whether two sources are one machine of a hypervisor.
func (s source) same(t source) bool {
	if !s.names() || s.host != t.host || s.lost != nil || t.lost != nil {
		return false
	}
	if s.vm != nil && t.vm != nil {
		return s.vm.Ref == t.vm.Ref
	}
	return s.name == t.name
}

// lose gives what a list names in vain. What an argument does is an error.
func (w wanted) lose(host string, err error) ([]source, error) {
	if w.where == "" {
		return nil, err
	}
	return []source{{host: host, name: w.pattern, lost: fmt.Errorf("%s: %w", w.where, err)}}, nil
}

// alone loses all machines that have the name of another one: their points would be mixed up, for a machine in the repository is its name.
func alone(all []source) []source {
	named := map[string][]*vmware.Entry{}
	for _, s := range all {
		if s.vm != nil {
			named[s.vm.Name] = append(named[s.vm.Name], s.vm)
		}
	}
	for i, s := range all {
		if s.vm == nil || len(named[s.vm.Name]) == 1 {
			continue
		}
		other := named[s.vm.Name][0]
		if other == s.vm {
			other = named[s.vm.Name][1]
		}
		all[i].lost = fmt.Errorf("%w by the name %s, %s and %s: back each up by itself, with --machine and a name of its own", vmware.ErrAmbiguous, s.vm.Name, s.vm.Path, other.Path)
	}
	return all
}
