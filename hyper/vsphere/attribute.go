package vsphere

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// SetAttributes sets custom attributes of a machine, by name. Those that the server does not know are made, for machines. All are tried.
func (c *Conn) SetAttributes(ctx context.Context, machine Ref, values map[string]string) error {
	manager := c.vim.ServiceContent.CustomFieldsManager
	if len(values) == 0 {
		return nil
	}
	if manager == nil {
		return fmt.Errorf("custom attributes: %s is a single host, which has none", c.Host())
	}
	keys, err := c.attributeKeys(ctx)
	if err != nil {
		return fmt.Errorf("custom attributes: %w", err)
	}
	var failed error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := c.setAttribute(ctx, *manager, machine, keys, name, values[name]); err != nil {
			failed = errors.Join(failed, fmt.Errorf("custom attribute %s: %w", name, translate(err)))
		}
	}
	return failed
}

func (c *Conn) setAttribute(ctx context.Context, manager, machine Ref, keys map[string]int32, name, value string) error {
	key, ok := keys[name]
	if !ok {
		def, err := methods.AddCustomFieldDef(ctx, c.vim, &types.AddCustomFieldDef{This: manager, Name: name, MoType: "VirtualMachine"})
		if err != nil {
			return err
		}
		key = def.Returnval.Key
	}
	_, err := methods.SetField(ctx, c.vim, &types.SetField{This: manager, Entity: machine, Key: key, Value: value})
	return err
}

// attributeKeys are those of attributes that machines can have, by name. The first one's is 0.
func (c *Conn) attributeKeys(ctx context.Context) (map[string]int32, error) {
	var m mo.CustomFieldsManager
	if err := c.get(ctx, *c.vim.ServiceContent.CustomFieldsManager, &m, "field"); err != nil {
		return nil, err
	}
	keys := map[string]int32{}
	for _, f := range m.Field {
		if f.ManagedObjectType == "" || f.ManagedObjectType == "VirtualMachine" {
			keys[f.Name] = f.Key
		}
	}
	return keys, nil
}

// Attach gives a machine tags, and tells those that the server does not have: by ID, else by name in the category of that ID, or name.
func (c *Conn) Attach(ctx context.Context, machine Ref, list []Tag) (missing []Tag, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	if !c.VCenter() {
		return list, nil
	}
	err = c.withTags(ctx, func(m tagManager) error {
		categories, err := m.GetCategories(ctx)
		if err != nil {
			return err
		}
		for _, t := range list {
			id, err := sameTag(ctx, m, t, categories)
			if err != nil {
				return fmt.Errorf("tag %s: %w", t.Name, err)
			}
			if id == "" {
				missing = append(missing, t)
			} else if err := m.AttachTag(ctx, id, mo.Reference(machine)); err != nil {
				return fmt.Errorf("tag %s: %w", t.Name, err)
			}
		}
		return nil
	})
	return missing, err
}

// sameTag finds a tag that was recorded, "" if there is none.
func sameTag(ctx context.Context, m tagManager, t Tag, categories []tags.Category) (string, error) {
	for _, c := range categories {
		if c.ID != t.Category && (t.Of == "" || c.Name != t.Of) {
			continue
		}
		all, err := m.GetTagsForCategory(ctx, c.ID)
		if err != nil {
			return "", err
		}
		for _, now := range all {
			if now.ID == t.ID || now.Name == t.Name {
				return now.ID, nil
			}
		}
	}
	return "", nil
}
