package vsphere

import (
	"context"
	"net/url"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
)

type tagManager = *tags.Manager

// withTags runs work with a session of vCenter's other interface, which has the tags.
func (c *Conn) withTags(ctx context.Context, work func(tagManager) error) error {
	client := rest.NewClient(c.vim)
	client.Client.Client.Transport = c.session.soap.Client.Transport // who is believed is the same
	if err := client.Login(ctx, url.UserPassword(c.session.user, c.session.password)); err != nil {
		return err
	}
	defer client.Logout(context.WithoutCancel(ctx)) // else it expires
	return work(tags.NewManager(client))
}

// A Tag is one that an object has.
type Tag struct {
	Category string `json:"category"` // its ID, which outlives a name
	Name     string `json:"name"`
	ID       string `json:"id"`
	Of       string `json:"category_name,omitempty"` // by which another server may know it
}

// Tags gives an object's tags.
func (c *Conn) Tags(ctx context.Context, ref Ref) (out []Tag, err error) {
	if !c.VCenter() {
		return nil, nil
	}
	err = c.withTags(ctx, func(m tagManager) error {
		all, err := m.GetAttachedTags(ctx, mo.Reference(ref))
		names := map[string]string{}
		for _, t := range all {
			if names[t.CategoryID] == "" && err == nil {
				names[t.CategoryID], err = categoryName(ctx, m, t.CategoryID)
			}
			out = append(out, Tag{t.CategoryID, t.Name, t.ID, names[t.CategoryID]})
		}
		return err
	})
	return out, err
}

func categoryName(ctx context.Context, m tagManager, id string) (string, error) {
	c, err := m.GetCategory(ctx, id)
	if err != nil {
		return "", err
	}
	return c.Name, nil
}
