package vsim

import (
	"context"
	"errors"
	"net/url"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/types"
)

// field is the key of a custom attribute of machines, which is made if need be. The first one's is 0.
func (h *Host) field(name string) int32 {
	h.t.Helper()
	ctx := context.Background()
	manager := object.NewCustomFieldsManager(h.Client())
	key, err := manager.FindKey(ctx, name)
	if errors.Is(err, object.ErrKeyNameNotFound) {
		var def *types.CustomFieldDef
		def, err = manager.Add(ctx, name, "VirtualMachine", nil, nil)
		h.must(err)
		return def.Key
	}
	h.must(err)
	return key
}

// SetAttribute sets a custom attribute.
func (m *Machine) SetAttribute(name, value string) {
	m.h.t.Helper()
	key := m.h.field(name)
	m.h.must(object.NewCustomFieldsManager(m.h.Client()).Set(context.Background(), m.Ref(), key, value))
}

// Attribute is a custom attribute's value, "" if it has none.
func (m *Machine) Attribute(name string) string {
	m.h.t.Helper()
	key, vm := m.h.field(name), m.vm()
	var value string
	m.h.reg.WithLock(m.h.context(), vm, func() { value = attribute(vm, key) })
	return value
}

func attribute(vm *simulator.VirtualMachine, key int32) string {
	value := ""
	for _, v := range vm.CustomValue {
		if s, ok := v.(*types.CustomFieldStringValue); ok && s.Key == key {
			value = s.Value
		}
	}
	return value
}

// Tag attaches a tag of a category; both are made if need be.
func (m *Machine) Tag(category, name string) {
	m.h.t.Helper()
	manager, err := m.h.tags()
	m.h.must(err)
	m.h.must(attach(manager, category, name, m.Ref()))
}

// Tags are the names of the tags attached to it.
func (m *Machine) Tags() []string {
	m.h.t.Helper()
	manager, err := m.h.tags()
	m.h.must(err)
	list, err := manager.GetAttachedTags(context.Background(), m.Ref())
	m.h.must(err)
	var names []string
	for _, tag := range list {
		names = append(names, tag.Name)
	}
	return names
}

func (h *Host) tags() (*tags.Manager, error) {
	c := rest.NewClient(h.Client())
	return tags.NewManager(c), c.Login(context.Background(), url.UserPassword(adminUser, h.admin.secret))
}

func attach(manager *tags.Manager, category, name string, to types.ManagedObjectReference) error {
	ctx := context.Background()
	if _, err := manager.GetCategory(ctx, category); err != nil {
		_, err = manager.CreateCategory(ctx, &tags.Category{Name: category, Cardinality: "MULTIPLE", AssociableTypes: []string{"VirtualMachine"}})
		if err != nil {
			return err
		}
	}
	tag, err := manager.GetTagForCategory(ctx, name, category)
	if err != nil {
		id, err := manager.CreateTag(ctx, &tags.Tag{Name: name, CategoryID: category})
		if err != nil {
			return err
		}
		return manager.AttachTag(ctx, id, to)
	}
	return manager.AttachTag(ctx, tag.ID, to)
}
