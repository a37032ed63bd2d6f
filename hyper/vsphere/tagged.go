package vsphere

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vapi/tags"
)

// Tagged leaves the machines that have a tag themselves, templates left out. A tag is its name, CATEGORY/NAME, or its ID. It asks the server;
// a single host knows no tags. No such tag is ErrNoTag, several are ErrAmbiguousTag, none with it is ErrNoMachine.
func (c *Conn) Tagged(ctx context.Context, all []Entry, tag string) (out []Entry, err error) {
	if !c.VCenter() {
		return nil, fmt.Errorf("%w %s: %s is a single host, which has no tags", ErrNoTag, tag, c.Host())
	}
	has := map[Ref]bool{}
	err = c.withTags(ctx, func(m tagManager) error {
		id, err := tagID(ctx, m, tag)
		if err != nil {
			return err
		}
		refs, err := m.ListAttachedObjects(ctx, id)
		for _, r := range refs {
			has[r.Reference()] = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", tag, err)
	}
	for _, e := range all {
		if has[e.Ref] && !e.Template {
			out = append(out, e)
		}
	}
	if out == nil {
		return nil, fmt.Errorf("%w: none has tag %s", ErrNoMachine, tag)
	}
	return out, nil
}

// idPrefix begins tags' IDs.
const idPrefix = "urn:vmomi:InventoryServiceTag:"

// tagID finds a tag: a name is one of all, or of a category's. A name may have a slash in it.
func tagID(ctx context.Context, m tagManager, tag string) (string, error) {
	if strings.HasPrefix(tag, idPrefix) {
		return tag, nil
	}
	all, err := m.GetTags(ctx)
	if err != nil {
		return "", err
	}
	categories, err := m.GetCategories(ctx)
	if err != nil {
		return "", err
	}
	names := map[string]string{}
	for _, c := range categories {
		names[c.ID] = c.Name
	}
	var found []tags.Tag
	for _, t := range all {
		if t.Name == tag || names[t.CategoryID]+"/"+t.Name == tag {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		return "", ErrNoTag
	case 1:
		return found[0].ID, nil
	}
	return "", fmt.Errorf("%w: the categories %s and %s have one: say CATEGORY/NAME", ErrAmbiguousTag, names[found[0].CategoryID], names[found[1].CategoryID])
}
