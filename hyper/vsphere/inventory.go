package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// An Entry is a machine as the inventory lists it.
type Entry struct {
	Ref      Ref
	Name     string // as the server escapes it: / is %2f, % is %25
	Path     string // /DC/vm/folder/NAME
	UUID     string // its instance UUID
	Template bool
	Power    string // poweredOn, poweredOff, suspended
	Tracking bool   // changed block tracking is on
	Host     string // name of the ESXi host

	Datastores []string          // names of those that its files, or images in its drives, lie on
	Attributes map[string]string // custom ones, by name
}

// Machines lists all machines that the account may see, by path. It takes a handful of round trips, however many there are.
func (c *Conn) Machines(ctx context.Context) ([]Entry, error) {
	tree, err := c.tree(ctx)
	if err != nil {
		return nil, fmt.Errorf("list machines of %s: %w", c.Host(), err)
	}
	fields, err := c.fields(ctx)
	if err != nil {
		return nil, fmt.Errorf("list machines of %s: %w", c.Host(), err)
	}
	var out []Entry
	for i := range tree.machines {
		out = append(out, tree.entry(&tree.machines[i], fields))
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// A tree is the inventory: what stands where, by reference.
type tree struct {
	nodes    map[Ref]mo.ManagedEntity
	machines []mo.VirtualMachine
}

func (c *Conn) tree(ctx context.Context) (*tree, error) {
	place := []string{"name", "parent"}
	objects, err := c.everything(ctx,
		want{"VirtualMachine", []string{"name", "parent", "parentVApp", "config.instanceUuid", "config.template", "config.changeTrackingEnabled",
			"runtime.powerState", "runtime.host", "datastore", "customValue"}},
		want{"Folder", place}, want{"Datacenter", place}, want{"VirtualApp", append(place, "parentFolder")}, want{"HostSystem", place}, want{"Datastore", place})
	if err != nil {
		return nil, err
	}
	t := &tree{nodes: map[Ref]mo.ManagedEntity{}}
	for _, o := range objects {
		if err := t.add(o); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *tree) add(o types.ObjectContent) error {
	switch o.Obj.Type {
	case "VirtualMachine":
		var m mo.VirtualMachine
		if err := mo.LoadObjectContent([]types.ObjectContent{o}, &m); err != nil {
			return err
		}
		t.machines = append(t.machines, m)
	case "VirtualApp":
		var v mo.VirtualApp
		if err := mo.LoadObjectContent([]types.ObjectContent{o}, &v); err != nil {
			return err
		}
		if v.ParentFolder != nil { // its parent is a resource pool, which is no place
			v.Parent = v.ParentFolder
		}
		t.nodes[v.Self] = v.ManagedEntity
	default:
		t.nodes[o.Obj] = entity(o)
	}
	return nil
}

// entity reads what an object is called and stands in.
func entity(o types.ObjectContent) (e mo.ManagedEntity) {
	e.Self = o.Obj
	for _, p := range o.PropSet {
		switch v := p.Val.(type) {
		case string:
			e.Name = v
		case types.ManagedObjectReference:
			e.Parent = &v
		}
	}
	return e
}

func (t *tree) entry(m *mo.VirtualMachine, fields map[int32]string) Entry {
	parent := m.Parent
	if parent == nil {
		parent = m.ParentVApp
	}
	e := Entry{Ref: m.Self, Name: m.Name, Path: t.path(parent) + "/" + m.Name, Power: string(m.Runtime.PowerState), Attributes: map[string]string{}}
	if m.Config != nil {
		e.UUID, e.Template = m.Config.InstanceUuid, m.Config.Template
		e.Tracking = m.Config.ChangeTrackingEnabled != nil && *m.Config.ChangeTrackingEnabled
	}
	if m.Runtime.Host != nil {
		e.Host = t.nodes[*m.Runtime.Host].Name
	}
	for _, d := range m.Datastore {
		e.Datastores = append(e.Datastores, t.nodes[d].Name)
	}
	for _, v := range m.CustomValue {
		if s, ok := v.(*types.CustomFieldStringValue); ok && fields[s.Key] != "" {
			e.Attributes[fields[s.Key]] = s.Value
		}
	}
	return e
}

// maxDepth bounds the folders above a machine.
const maxDepth = 64

// path is where an object stands, from below the root.
func (t *tree) path(ref *Ref) string {
	path := ""
	for range maxDepth {
		if ref == nil {
			break
		}
		e, ok := t.nodes[*ref]
		if !ok { // the root, which is no place of its own, or what the account may not see
			break
		}
		path, ref = "/"+e.Name+path, e.Parent
	}
	return path
}

// fields are the names of custom attributes, by key. A single host has none.
func (c *Conn) fields(ctx context.Context) (map[int32]string, error) {
	names := map[int32]string{}
	if c.vim.ServiceContent.CustomFieldsManager == nil {
		return names, nil
	}
	var m mo.CustomFieldsManager
	if err := c.get(ctx, *c.vim.ServiceContent.CustomFieldsManager, &m, "field"); err != nil {
		return nil, err
	}
	for _, f := range m.Field {
		names[f.Key] = f.Name
	}
	return names, nil
}
