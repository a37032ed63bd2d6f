package translate

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/restore/machine"
)

// Hardware is a machine in vSphere's words.
type Hardware struct {
	// Config is what vSphere recorded, or what would be recorded of such a machine there: devices refer to controllers by key. Of a
	// translated one, Version (of hardware) is empty if none was recorded: the host's own is best. So are InstanceUuid, Files, and the
	// files of disks' backings, and a disk's CapacityInBytes is the point's.
	Config *types.VirtualMachineConfigInfo

	// Disks are the keys of the point's disks in Config, by their names in the point. A disk of the point that the definition does
	// not have is not in it.
	Disks map[string]int32

	// Networks are the names of port groups, by their keys: distributed ones are configured by key alone.
	Networks map[string]string

	// Recorded: Config is as vSphere recorded it, and nothing was translated.
	Recorded bool

	Notes []string // what the user should know, a sentence each
}

// Kinds of configuration, as points record them.
const (
	kindVSphere = "vsphere-config"
	kindInfo    = "vsphere-info" // beside it
	kindDomain  = "libvirt-domain"
	kindLive    = "libvirt-domain-live"
	kindVMX     = "vmx"
)

// Config says what the machine of a point is made of in vSphere's words: as it was recorded, or translated from libvirt's or a .vmx
// file. Errors: machine.ErrNoDefinition, machine.ErrBadDefinition.
func Config(m machine.Machine) (*Hardware, error) {
	switch {
	case m.Config(kindVSphere) != nil:
		return recorded(m)
	case m.Config(kindDomain) != nil:
		return fromDomain(m)
	case m.Config(kindVMX) != nil:
		return fromVMX(m)
	default:
		return nil, fmt.Errorf("%s: %w", m.Point.Name, machine.ErrNoDefinition)
	}
}

// recorded takes the configuration that vSphere gave.
func recorded(m machine.Machine) (*Hardware, error) {
	h := &Hardware{Config: new(types.VirtualMachineConfigInfo), Recorded: true}
	if err := types.NewJSONDecoder(bytes.NewReader(m.Config(kindVSphere))).Decode(h.Config); err != nil {
		return nil, fmt.Errorf("%w: %w", machine.ErrBadDefinition, err)
	}
	if h.Config.Name == "" {
		return nil, fmt.Errorf("%w: a configuration without a machine's name", machine.ErrBadDefinition)
	}
	info := struct {
		Networks map[string]string `json:"network_names"`
	}{}
	if data := m.Config(kindInfo); data != nil {
		if err := json.Unmarshal(data, &info); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", machine.ErrBadDefinition, kindInfo, err)
		}
	}
	h.Networks = info.Networks
	h.match(m)
	return h, nil
}

// match finds the point's disks by their places.
func (h *Hardware) match(m machine.Machine) {
	h.Disks = map[string]int32{}
	at := places(h.Config)
	for _, d := range m.Point.Disks {
		for key, p := range at {
			if p.String() == d.Name {
				h.Disks[d.Name] = key
			}
		}
	}
}
