package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
	"vbfs/restore/machine"
)

// identify chooses the machine's UUIDs, and whether its cards keep their addresses. All machines that there are were looked at.
func (n *newMachine) identify() (err error) {
	conflict := n.conflict()
	if n.o.IDs == machine.KeepIDs && conflict != "" {
		return fmt.Errorf("%w: %s", machine.ErrExists, conflict)
	}
	if n.fresh, err = n.o.IDs.Fresh(n.name, n.recorded(), conflict != ""); err != nil {
		return err
	}
	if n.fresh && conflict != "" {
		n.note("it has new UUIDs and network addresses: %s", conflict)
	}
	n.uuid, n.instance = n.info.Uuid, n.info.InstanceUuid
	if n.fresh || n.uuid == "" {
		n.uuid = uuid.NewString()
	}
	if n.fresh || n.instance == "" {
		n.instance = uuid.NewString()
	}
	return nil
}

// conflict says what another machine has that the recorded one had, or "".
func (n *newMachine) conflict() string {
	for _, o := range n.site.Occupants {
		if what := n.shares(o); what != "" && !slices.Contains(n.going, o.Ref) {
			return what
		}
	}
	return ""
}

// shares says what a machine has that the recorded one had, or "".
func (n *newMachine) shares(o hyper.Occupant) string {
	macs := map[string]bool{}
	for _, c := range spec.Cards(n.info.Hardware.Device) {
		macs[strings.ToLower(c.MAC)] = c.MAC != ""
	}
	switch i := slices.IndexFunc(o.MACs, func(mac string) bool { return macs[mac] }); {
	case n.info.InstanceUuid != "" && strings.EqualFold(o.Instance, n.info.InstanceUuid):
		return fmt.Sprintf("%s has the recorded machine's instance UUID %s", o.Path, o.Instance)
	case n.info.Uuid != "" && strings.EqualFold(o.UUID, n.info.Uuid):
		return fmt.Sprintf("%s has the recorded machine's UUID %s", o.Path, o.UUID)
	case i >= 0:
		return fmt.Sprintf("%s has the recorded machine's network address %s", o.Path, o.MACs[i])
	}
	return ""
}

// moved notes addresses that the server did not leave as they were recorded.
func (n *newMachine) moved(now []types.BaseVirtualDevice) {
	cards := spec.Cards(now)
	for i, c := range spec.Cards(n.info.Hardware.Device) {
		if !n.fresh && i < len(cards) && c.MAC != "" && !strings.EqualFold(c.MAC, cards[i].MAC) {
			n.note("network card %s has the address %s, and had %s", c.Label, cards[i].MAC, c.MAC)
		}
	}
}

// media looks which files are there that drives hold.
func (n *newMachine) media(ctx context.Context) error {
	n.there = map[string]bool{}
	for _, file := range spec.Media(n.info.Hardware.Device) {
		for _, d := range n.site.Datastores {
			if !strings.HasPrefix(file, "["+d.Name+"]") || !n.inside(d.Path) || !d.Usable {
				continue
			}
			there, err := n.conn.Exists(ctx, d.Ref, file)
			if err != nil {
				return err
			}
			n.there[file] = n.there[file] || there
		}
	}
	return nil
}
