package vsphere

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// get reads properties of one object into dst, a struct of package mo.
func (c *Conn) get(ctx context.Context, ref Ref, dst any, properties ...string) error {
	if err := property.DefaultCollector(c.vim).RetrieveOne(ctx, ref, properties, dst); err != nil {
		return fmt.Errorf("look at %s: %w", ref.Value, translate(err))
	}
	return nil
}

// A want is what is to be known of all objects of a type.
type want struct {
	kind       string
	properties []string
}

// everything reads properties of all objects below the root of the inventory, of several types at once.
func (c *Conn) everything(ctx context.Context, wants ...want) ([]types.ObjectContent, error) {
	view := types.CreateContainerView{This: *c.vim.ServiceContent.ViewManager, Container: c.vim.ServiceContent.RootFolder, Recursive: true}
	spec := types.PropertyFilterSpec{}
	for _, w := range wants {
		view.Type = append(view.Type, w.kind)
		spec.PropSet = append(spec.PropSet, types.PropertySpec{Type: w.kind, PathSet: w.properties})
	}
	made, err := methods.CreateContainerView(ctx, c.vim, &view)
	if err != nil {
		return nil, translate(err)
	}
	defer methods.DestroyView(context.WithoutCancel(ctx), c.vim, &types.DestroyView{This: made.Returnval}) // else it ends with the session
	skip := true
	spec.ObjectSet = []types.ObjectSpec{{Obj: made.Returnval, Skip: &skip, SelectSet: []types.BaseSelectionSpec{
		&types.TraversalSpec{Type: "ContainerView", Path: "view"},
	}}}
	out, err := property.DefaultCollector(c.vim).RetrieveProperties(ctx, types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{spec}})
	if err != nil {
		return nil, translate(err)
	}
	return out.Returnval, nil
}

// named reads the names of objects, which may be of several types.
func (c *Conn) named(ctx context.Context, refs []Ref) (map[Ref]string, error) {
	names := map[Ref]string{}
	if len(refs) == 0 {
		return names, nil
	}
	spec := types.PropertyFilterSpec{}
	for _, r := range refs {
		spec.ObjectSet = append(spec.ObjectSet, types.ObjectSpec{Obj: r})
		if !slices.ContainsFunc(spec.PropSet, func(p types.PropertySpec) bool { return p.Type == r.Type }) {
			spec.PropSet = append(spec.PropSet, types.PropertySpec{Type: r.Type, PathSet: []string{"name"}})
		}
	}
	out, err := property.DefaultCollector(c.vim).RetrieveProperties(ctx, types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{spec}})
	if err != nil {
		return nil, translate(err)
	}
	for _, o := range out.Returnval { // networks have two names in package mo, of which one is empty
		names[o.Obj], _ = prop[string](o, "name")
	}
	return names, nil
}
