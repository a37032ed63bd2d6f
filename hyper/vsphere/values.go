package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Values gives what machines have as the custom attribute of that name and, behind it, the names of their tags of the category of that
// name, with blanks between. Machines that have neither are not in it. It takes a handful of round trips, however many machines there are,
// and one more for each category and each tag of that category. Where the server knows neither the attribute nor the category it is
// ErrNoAttribute. When only the tags cannot be read, ErrTags, there are the values of the attribute all the same.
func (c *Conn) Values(ctx context.Context, all []Entry, name string) (map[Ref]string, error) {
	known, err := c.knowsAttribute(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("custom attributes of %s: %w", c.Host(), err)
	}
	values := map[Ref]string{}
	for _, e := range all {
		if v := e.Attributes[name]; v != "" {
			values[e.Ref] = v
		}
	}
	tags, err := c.category(ctx, name)
	for ref, words := range tags {
		values[ref] = strings.TrimSpace(values[ref] + " " + strings.Join(words, " "))
	}
	switch {
	case errors.Is(err, ErrNoAttribute) && known:
		err = nil
	case errors.Is(err, ErrTags) && !known:
		values = nil
	}
	return values, err
}

// knowsAttribute tells whether machines can have a custom attribute of that name.
func (c *Conn) knowsAttribute(ctx context.Context, name string) (bool, error) {
	if c.vim.ServiceContent.CustomFieldsManager == nil {
		return false, nil
	}
	keys, err := c.attributeKeys(ctx)
	_, known := keys[name]
	return known, err
}

// category gives the names of tags of a category, by what they are attached to.
func (c *Conn) category(ctx context.Context, name string) (words map[Ref][]string, err error) {
	none := fmt.Errorf("%w %s on %s", ErrNoAttribute, name, c.Host())
	if !c.VCenter() {
		return nil, none
	}
	err = c.withTags(ctx, func(m tagManager) error {
		id, err := categoryID(ctx, m, name)
		if err != nil || id == "" {
			return err
		}
		words, err = attached(ctx, m, id)
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("category %s on %s: %w: %w", name, c.Host(), ErrTags, err)
	case words == nil:
		return nil, none
	}
	return words, nil
}

// categoryID finds a category, "" for none. It is asked for one by one: the interface gives no names in its list.
func categoryID(ctx context.Context, m tagManager, name string) (string, error) {
	ids, err := m.ListCategories(ctx)
	if err != nil {
		return "", err
	}
	for _, id := range ids {
		category, err := m.GetCategory(ctx, id)
		if err != nil {
			return "", err
		}
		if category.Name == name {
			return id, nil
		}
	}
	return "", nil
}

// attached gives the names of a category's tags by what has them, in their order.
func attached(ctx context.Context, m tagManager, category string) (map[Ref][]string, error) {
	words := map[Ref][]string{}
	tags, err := m.GetTagsForCategory(ctx, category)
	if err != nil || len(tags) == 0 {
		return words, err
	}
	var ids []string
	names := map[string]string{}
	for _, t := range tags {
		ids = append(ids, t.ID)
		names[t.ID] = t.Name
	}
	lists, err := m.ListAttachedObjectsOnTags(ctx, ids)
	for _, l := range lists {
		for _, o := range l.ObjectIDs {
			words[o.Reference()] = append(words[o.Reference()], names[l.TagID])
		}
	}
	for _, w := range words {
		slices.Sort(w)
	}
	return words, err
}
