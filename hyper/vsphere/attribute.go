package vsphere

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

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

// Attach gives a machine tags, and tells those that the server does not have: by ID, else by name in the category of that ID.
func (c *Conn) Attach(ctx context.Context, machine Ref, tags []Tag) (missing []Tag, err error) {
	if len(tags) == 0 {
		return nil, nil
	}
	if !c.VCenter() {
		return tags, nil
	}
	err = c.withTags(ctx, func(m tagManager) error {
		for _, t := range tags {
			id, err := c.tagID(ctx, m, t)
			if err != nil {
				return err
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

// tagID finds a tag that was recorded, "" if there is none.
func (c *Conn) tagID(ctx context.Context, m tagManager, t Tag) (string, error) {
	ids, err := m.ListTags(ctx)
	if err != nil {
		return "", err
	}
	if slices.Contains(ids, t.ID) {
		return t.ID, nil
	}
	categories, err := m.ListCategories(ctx)
	if err != nil || !slices.Contains(categories, t.Category) {
		return "", err
	}
	all, err := m.GetTagsForCategory(ctx, t.Category)
	for _, now := range all {
		if now.Name == t.Name {
			return now.ID, err
		}
	}
	return "", err
}
