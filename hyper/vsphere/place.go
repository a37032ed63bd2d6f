package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// A Place is where a machine stands, by names.
type Place struct {
	Path       string // /DC/vm/folder/NAME
	Pool       string // /DC/host/CLUSTER/Resources/POOL
	Networks   []string
	Datastores []string
	Attributes map[string]string // custom ones
}

// Place finds out where a machine stands.
func (c *Conn) Place(ctx context.Context, m *Machine) (p Place, err error) {
	if p.Path, err = c.path(ctx, m.Ref); err != nil {
		return p, err
	}
	if m.Pool != nil {
		if p.Pool, err = c.path(ctx, *m.Pool); err != nil {
			return p, err
		}
	}
	if p.Networks, err = c.names(ctx, m.Networks); err != nil {
		return p, err
	}
	if p.Datastores, err = c.names(ctx, m.Datastores); err != nil {
		return p, err
	}
	fields, err := c.fields(ctx)
	if err != nil {
		return p, err
	}
	p.Attributes = map[string]string{}
	for _, v := range m.Attributes {
		if s, ok := v.(*types.CustomFieldStringValue); ok && fields[s.Key] != "" {
			p.Attributes[fields[s.Key]] = s.Value
		}
	}
	return p, nil
}

// path is where an object stands, from below the root.
func (c *Conn) path(ctx context.Context, ref Ref) (string, error) {
	t, err := c.above(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("where %s stands: %w", ref.Value, err)
	}
	return t.path(&ref), nil
}

// datacenter is the path of the one that an object stands in.
func (c *Conn) datacenter(ctx context.Context, ref Ref) (string, error) {
	t, err := c.above(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("datacenter of %s: %w", ref.Value, err)
	}
	for r := range t.nodes {
		if r.Type == "Datacenter" {
			return t.path(&r), nil
		}
	}
	return "", fmt.Errorf("datacenter of %s: %w: the account may not see it", ref.Value, ErrPrivilege)
}

// above reads an object and all that it stands in, in one round trip.
func (c *Conn) above(ctx context.Context, ref Ref) (*tree, error) {
	no := false
	again := []types.BaseSelectionSpec{&types.SelectionSpec{Name: "up"}}
	spec := types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: ref, Skip: &no, SelectSet: []types.BaseSelectionSpec{
			&types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: "up"}, Type: "ManagedEntity", Path: "parent", Skip: &no, SelectSet: again},
			&types.TraversalSpec{Type: "VirtualMachine", Path: "parentVApp", Skip: &no, SelectSet: again},
		}}},
		PropSet: []types.PropertySpec{{Type: "ManagedEntity", PathSet: []string{"name", "parent"}}, {Type: "VirtualMachine", PathSet: []string{"parentVApp"}}},
	}
	out, err := property.DefaultCollector(c.vim).RetrieveProperties(ctx, types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{spec}})
	if err != nil {
		return nil, translate(err)
	}
	t := &tree{nodes: map[Ref]mo.ManagedEntity{}}
	for _, o := range out.Returnval {
		if e := entity(o); e.Parent != nil { // the root is no place of its own
			t.nodes[e.Self] = e
		}
	}
	return t, nil
}

// names gives objects' names in their order.
func (c *Conn) names(ctx context.Context, refs []Ref) (out []string, err error) {
	by, err := c.named(ctx, refs)
	for _, r := range refs {
		out = append(out, by[r])
	}
	return out, err
}
