package libvirt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rpc "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"
)

// A Domain is a virtual machine that libvirt knows. It stays the same one by its UUID.
type Domain struct {
	conn *Conn
	raw  rpc.Domain
}

// A State is what a domain does.
type State string

// States, of libvirt's virDomainState. In all but ShutOff QEMU runs.
const (
	Running State = "running"
	Paused  State = "paused"
	ShutOff State = "shut off"
	Ending  State = "shutting down"
	Crashed State = "crashed"
	Asleep  State = "suspended by its guest"
	Unknown State = "in an unknown state"
)

var states = map[rpc.DomainState]State{
	rpc.DomainRunning: Running, rpc.DomainBlocked: Running, rpc.DomainPaused: Paused, rpc.DomainShutdown: Ending,
	rpc.DomainShutoff: ShutOff, rpc.DomainCrashed: Crashed, rpc.DomainPmsuspended: Asleep,
}

// maxDomains bounds what is listed: far above what a host holds.
const maxDomains = 1 << 16

// Domains lists all domains, running or not, by name.
func (c *Conn) Domains(ctx context.Context) ([]*Domain, error) {
	raw, err := ask(ctx, c, func(l *rpc.Libvirt) ([]rpc.Domain, error) {
		d, _, err := l.ConnectListAllDomains(maxDomains, rpc.ConnectListDomainsActive|rpc.ConnectListDomainsInactive)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("list domains: %w", err)
	}
	var out []*Domain
	for _, d := range raw {
		out = append(out, &Domain{c, d})
	}
	slices.SortFunc(out, func(a, b *Domain) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// Domain finds a domain by name, else by UUID.
func (c *Conn) Domain(ctx context.Context, nameOrUUID string) (*Domain, error) {
	raw, err := ask(ctx, c, func(l *rpc.Libvirt) (rpc.Domain, error) { return l.DomainLookupByName(nameOrUUID) })
	if id, bad := uuid.Parse(nameOrUUID); bad == nil && errors.Is(err, ErrNoDomain) {
		raw, err = ask(ctx, c, func(l *rpc.Libvirt) (rpc.Domain, error) { return l.DomainLookupByUUID(rpc.UUID(id)) })
	}
	switch {
	case errors.Is(err, ErrNoDomain):
		return nil, fmt.Errorf("%w: %s on %s", ErrNoDomain, nameOrUUID, c.URI())
	case err != nil:
		return nil, fmt.Errorf("look for domain %s: %w", nameOrUUID, err)
	}
	return &Domain{c, raw}, nil
}

// Name is the domain's name when it was looked up.
func (d *Domain) Name() string { return d.raw.Name }

// UUID is the domain's UUID with dashes.
func (d *Domain) UUID() string { return uuid.UUID(d.raw.UUID).String() }

// State tells what the domain does now.
func (d *Domain) State(ctx context.Context) (State, error) {
	state, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (int32, error) {
		s, _, err := l.DomainGetState(d.raw, 0)
		return s, err
	})
	if err != nil {
		return Unknown, d.wrap("state of", err)
	}
	if s, ok := states[rpc.DomainState(state)]; ok {
		return s, nil
	}
	return Unknown, nil
}

// Run numbers the domain's runs: it is another one when the domain was started again; -1 when it was shut off as it was looked up.
func (d *Domain) Run() int { return int(d.raw.ID) }

// Stuck tells whether QEMU stopped the domain because of an I/O error: no space, mostly.
func (d *Domain) Stuck(ctx context.Context) (bool, error) {
	stuck, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (bool, error) {
		state, reason, err := l.DomainGetState(d.raw, 0)
		return rpc.DomainState(state) == rpc.DomainPaused && rpc.DomainPausedReason(reason) == rpc.DomainPausedIoerror, err
	})
	return stuck, d.wrap("state of", err)
}

// XML describes the domain as it is now, or, inactive, as it will be when it starts next; secrets are in it.
func (d *Domain) XML(ctx context.Context, inactive bool) (string, error) {
	flags := rpc.DomainXMLSecure
	if inactive {
		flags |= rpc.DomainXMLInactive
	}
	xml, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (string, error) { return l.DomainGetXMLDesc(d.raw, flags) })
	return xml, d.wrap("XML of", err)
}

// wrap says what was tried with which domain.
func (d *Domain) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s domain %s: %w", what, d.Name(), err)
}
