package vsphere

import (
	"context"
	"encoding/json"

	"vbfs/hyper/vsphere"
)

// An Info is what a point records of a machine beside its configuration: the file info.json, kind vsphere-info. Names are the inventory's.
type Info struct {
	Name       string            `json:"name"`
	Path       string            `json:"path"` // /DC/vm/folder/NAME
	Instance   string            `json:"instance_uuid"`
	Reference  string            `json:"moref"`
	Power      string            `json:"power_state"`
	Host       string            `json:"host"`
	Pool       string            `json:"resource_pool"` // /DC/host/CLUSTER/Resources/POOL
	Networks   []string          `json:"networks"`
	Keys       map[string]string `json:"network_names,omitempty"` // of distributed port groups, by which alone the configuration names them
	Datastores []string          `json:"datastores"`
	Annotation string            `json:"annotation,omitempty"`
	Attributes map[string]string `json:"custom_attributes,omitempty"`
	Tags       []vsphere.Tag     `json:"tags,omitempty"`
	Snapshots  int               `json:"snapshots_of_others"` // which are not in the point
	Tracking   bool              `json:"changed_block_tracking"`
}

func (t *taking) info(ctx context.Context) ([]byte, error) {
	p, err := t.conn.Place(ctx, t.m)
	if err != nil {
		return nil, err
	}
	tags, err := t.conn.Tags(ctx, t.m.Ref)
	if err != nil {
		t.warn("the machine's tags are not in the point: %v", err)
	}
	i := Info{
		Name: t.m.Name, Path: p.Path, Instance: t.m.UUID, Reference: t.m.Ref.Value, Power: t.m.Power, Host: t.m.HostName, Pool: p.Pool,
		Networks: p.Networks, Keys: t.keys(p.Networks), Datastores: p.Datastores, Annotation: t.config.Annotation, Attributes: p.Attributes, Tags: tags,
		Snapshots: t.foreign, Tracking: t.m.Tracking,
	}
	return json.MarshalIndent(i, "", "  ")
}

// keys are the names of port groups by their keys, which are their references' values. names are those of all networks, in their order.
func (t *taking) keys(names []string) map[string]string {
	keys := map[string]string{}
	for i, ref := range t.m.Networks {
		if ref.Type == "DistributedVirtualPortgroup" && i < len(names) {
			keys[ref.Value] = names[i]
		}
	}
	return keys
}
