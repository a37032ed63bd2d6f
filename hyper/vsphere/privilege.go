package vsphere

import (
	"context"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// privileges tells which ones the session has on an object.
func (c *Conn) privileges(ctx context.Context, on Ref, asked []string) (map[string]bool, error) {
	var m mo.SessionManager
	if err := c.get(ctx, c.session.manager, &m, "currentSession"); err != nil {
		return nil, err
	}
	if m.CurrentSession == nil || c.vim.ServiceContent.AuthorizationManager == nil {
		return granted(asked), nil // nobody to ask: what is missing is told by what fails
	}
	answer, err := methods.HasPrivilegeOnEntities(ctx, c.vim, &types.HasPrivilegeOnEntities{
		This: *c.vim.ServiceContent.AuthorizationManager, Entity: []Ref{on}, SessionId: m.CurrentSession.Key, PrivId: asked,
	})
	if err != nil {
		if err := translate(err); !faulted(err, "NotSupported") && !faulted(err, "MethodNotFound") { // of single hosts
			return nil, err
		}
		return granted(asked), nil
	}
	has := map[string]bool{}
	for _, e := range answer.Returnval {
		for _, p := range e.PrivAvailability {
			has[p.PrivId] = p.IsGranted
		}
	}
	return has, nil
}

func granted(privileges []string) map[string]bool {
	has := map[string]bool{}
	for _, p := range privileges {
		has[p] = true
	}
	return has
}
