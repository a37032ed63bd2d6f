package translate

import (
	"strings"
	"testing"

	"vbfs/index/format"
)

// A distributed port group, which the configuration has by its key, is known by the name that was recorded beside it.
func TestNetworkNames(t *testing.T) {
	m := pointOf("vsphere-config", vimJSON(t, full()), "scsi0-0", "scsi1-1", "sata0-3", "nvme0-0", "ide0-0")
	m.Point.Configs = append(m.Point.Configs, format.ConfigFile{Kind: "vsphere-info", Data: []byte(`{"name": "web01", "network_names": {"dvportgroup-7": "prod net"}}`)})
	g, err := Domain(m)
	if err != nil {
		t.Fatal(err)
	}
	if card := g.Domain.Devices.Interfaces[1]; card.Source.Network.Network != "prod net" || strings.Contains(strings.Join(g.Notes, "\n"), "Network adapter 2") {
		t.Errorf("%+v, %q", card.Source.Network, g.Notes)
	}
	h, err := Config(m)
	if err != nil {
		t.Fatal(err)
	}
	f, notes := VMX(h, Files{})
	if got := f.Get("ethernet1.networkName"); got != "prod net" || strings.Contains(strings.Join(notes, "\n"), "Network adapter 2") {
		t.Errorf("%q, %q", got, notes)
	}
	m.Point.Configs[len(m.Point.Configs)-1].Data = []byte("{")
	if _, err := Config(m); err == nil {
		t.Error("what cannot be understood is taken")
	}
}
