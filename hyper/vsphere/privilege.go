package vsphere

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// Lacking gives those of the privileges that the account does not have on an object, by name.
func (c *Conn) Lacking(ctx context.Context, on Ref, privileges []string) ([]string, error) {
	lacking, err := c.LackingOn(ctx, map[Ref][]string{on: privileges})
	return lacking[on], err
}

// LackingOn is Lacking for several objects, in one round trip. Of one that lacks nothing there is nothing.
func (c *Conn) LackingOn(ctx context.Context, asked map[Ref][]string) (lacking map[Ref][]string, err error) {
	has, err := c.privileges(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("ask for privileges: %w", err)
	}
	lacking = map[Ref][]string{}
	for on, privileges := range asked {
		for _, p := range privileges {
			if has != nil && !has[on][p] {
				lacking[on] = append(lacking[on], p)
			}
		}
	}
	return lacking, nil
}

// privileges tells which ones the session has on objects; nil is that nobody can be asked: what is missing is told by what fails.
func (c *Conn) privileges(ctx context.Context, asked map[Ref][]string) (map[Ref]map[string]bool, error) {
	req := types.HasPrivilegeOnEntities{Entity: slices.SortedFunc(maps.Keys(asked), byValue)}
	for _, privileges := range asked {
		req.PrivId = append(req.PrivId, privileges...)
	}
	slices.Sort(req.PrivId)
	req.PrivId = slices.Compact(req.PrivId)
	if c.vim.ServiceContent.AuthorizationManager == nil || c.session.id() == "" {
		return nil, nil
	}
	req.This = *c.vim.ServiceContent.AuthorizationManager
	answer, err := c.hasPrivileges(ctx, req)
	if err := translate(err); faulted(err, "NotSupported") || faulted(err, "MethodNotFound") { // of single hosts
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	has := map[Ref]map[string]bool{}
	for _, e := range answer.Returnval {
		has[e.Entity] = map[string]bool{}
		for _, p := range e.PrivAvailability {
			has[e.Entity][p.PrivId] = p.IsGranted
		}
	}
	return has, nil
}

// hasPrivileges asks about the session, once more if another has begun meanwhile.
func (c *Conn) hasPrivileges(ctx context.Context, req types.HasPrivilegeOnEntities) (*types.HasPrivilegeOnEntitiesResponse, error) {
	req.SessionId = c.session.id()
	answer, err := methods.HasPrivilegeOnEntities(ctx, c.vim, &req)
	if now := c.session.id(); err != nil && now != req.SessionId {
		req.SessionId = now
		return methods.HasPrivilegeOnEntities(ctx, c.vim, &req)
	}
	return answer, err
}

func byValue(a, b Ref) int { return strings.Compare(a.Value, b.Value) }
