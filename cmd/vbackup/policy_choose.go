package main

import (
	"context"
	"fmt"
	"slices"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
	vmware "vbfs/hyper/vsphere"
	"vbfs/policy"
)

// An asked is what a machine's attribute asks for.
type asked struct {
	policy policy.Policy
	err    error // it is not understood
}

// ask reads the value of a machine's attribute. Nil is: it asks for nothing.
func (v *inventory) ask(value string) *asked {
	p, err := v.book.Parse(value)
	if err != nil {
		err = fmt.Errorf("attribute %s says %q: %w; all of its points are kept", v.attribute, value, err)
	}
	if !p.Asks() {
		return nil
	}
	return &asked{p, err}
}

// policy is what the machine's attribute asks for, as its point records it; "" is nothing.
func (m machine) policy() string {
	if m.whole == nil || m.whole.asks == nil {
		return ""
	}
	return m.whole.asks.policy.String()
}

// tagsOf are the tags of a machine's point.
func (f *fleet) tagsOf(m *machine) []string {
	if p := m.policy(); p != "" {
		return append(slices.Clone(f.tags), policyTag+p)
	}
	return f.tags
}

// choose leaves of the machines of a run those that ask for a backup, and what a list names in vain.
func (b *backup) choose(ctx context.Context, all []source) (out []source, err error) {
	v := &b.whole.inventory
	if v.attribute == "" {
		return all, nil
	}
	values, err := b.values(ctx, all)
	if err != nil {
		return nil, err
	}
	for i, s := range all {
		if s.asks = v.ask(values[i]); s.asks != nil || s.lost != nil {
			out = append(out, s)
		}
	}
	if out == nil {
		none := vmware.ErrNoMachine
		if all[0].host == "libvirt" {
			none = hyper.ErrNoDomain
		}
		return nil, fmt.Errorf("%w: of %d none asks for a backup by %s", none, len(all), v.attribute)
	}
	return out, nil
}

// values gives what machines ask for, in their order. A domain that cannot be asked is lost.
func (b *backup) values(ctx context.Context, all []source) ([]string, error) {
	v := &b.whole.inventory
	values := make([]string, len(all))
	var entries []vmware.Entry
	for i := range all {
		s := &all[i]
		switch {
		case s.lost != nil:
		case s.vm != nil:
			entries = append(entries, *s.vm)
		default:
			if values[i], s.lost = b.domainAsks(ctx, s); ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	if entries == nil {
		return values, nil
	}
	byRef, err := b.whole.vsphere.conn.Values(ctx, entries, v.attribute)
	if err != nil && byRef == nil {
		return nil, err
	}
	if err != nil {
		v.unread = append(v.unread, fmt.Errorf("machines that ask by a tag alone are left out: %w", err))
	}
	for i, s := range all {
		if s.vm != nil {
			values[i] = byRef[s.vm.Ref]
		}
	}
	return values, nil
}

// tellUnread tells what of the inventory could not be read, which makes the run's outcome partial.
func (b *backup) tellUnread(ctx context.Context) error {
	for _, err := range b.whole.inventory.unread {
		b.app.Tell(ctx, wayIn(err))
	}
	if b.whole.inventory.unread == nil {
		return nil
	}
	return cli.Told(cli.Partly)
}
