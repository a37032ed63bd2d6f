package vsphere

import (
	"encoding/json"
	"fmt"

	hyper "vbfs/hyper/vsphere"
	"vbfs/restore/machine"
)

// Kinds of configuration, as captures record them.
const (
	kindInfo  = "vsphere-info"
	kindNVRAM = "nvram"
)

// A record is what a point has of a vSphere machine beside its configuration: info.json, kind vsphere-info. Names are the inventory's. It
// is empty of machines of others.
type record struct {
	Name         string            `json:"name"`
	Path         string            `json:"path"` // /DC/vm/folder/NAME
	Host         string            `json:"host"`
	Pool         string            `json:"resource_pool"` // /DC/host/CLUSTER/Resources/POOL
	NetworkNames map[string]string `json:"network_names"` // by the keys of port groups, and the IDs of opaque networks
	Attributes   map[string]string `json:"custom_attributes"`
	Tags         []hyper.Tag       `json:"tags"`
}

// maxRecord bounds info.json, in bytes.
const maxRecord = 8 << 20

func readRecord(m machine.Machine) (r record, err error) {
	data := m.Config(kindInfo)
	if data == nil {
		return r, nil
	}
	if len(data) > maxRecord {
		return r, fmt.Errorf("%w: %s has %d bytes", machine.ErrBadDefinition, kindInfo, len(data))
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%w: %s: %w", machine.ErrBadDefinition, kindInfo, err)
	}
	return r, nil
}
