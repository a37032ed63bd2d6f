package vsphere

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/types"
)

// Refresh reads machines, their folders and datastores of a site once more, or those that were made since: one round trip. After an error
// the site is not to be used any more.
func (c *Conn) Refresh(ctx context.Context, s *Site, refs ...Ref) error {
	spec := types.PropertyFilterSpec{}
	for _, w := range siteWants() {
		if w.kind == "VirtualMachine" || w.kind == "Folder" || w.kind == "Datastore" {
			spec.PropSet = append(spec.PropSet, types.PropertySpec{Type: w.kind, PathSet: w.properties})
		}
	}
	slices.SortFunc(refs, byValue)
	for _, r := range slices.Compact(refs) {
		spec.ObjectSet = append(spec.ObjectSet, types.ObjectSpec{Obj: r})
		s.drop(r)
	}
	out, err := property.DefaultCollector(c.vim).RetrieveProperties(ctx, types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{spec}})
	if err != nil {
		return fmt.Errorf("look at the inventory of %s: %w", c.Host(), translate(err))
	}
	s.take(out.Returnval)
	return nil
}

func (s *Site) drop(ref Ref) {
	delete(s.tree.nodes, ref)
	s.Folders = slices.DeleteFunc(s.Folders, func(f Folder) bool { return f.Ref == ref })
	s.Datastores = slices.DeleteFunc(s.Datastores, func(d Datastore) bool { return d.Ref == ref })
	s.Occupants = slices.DeleteFunc(s.Occupants, func(o Occupant) bool { return o.Ref == ref })
}
