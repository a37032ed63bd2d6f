package vsphere_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
	"vbfs/index/format"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// twoDisks are one on each datastore.
func twoDisks(t *testing.T, seed uint64) *newLab {
	t.Helper()
	return makeNewLab(t, vsim.Spec{Name: "web01", Folder: "web", Disks: []vsim.Disk{
		{Size: 1 << 20, Content: overNoise(seed, 1<<19), Thick: true}, {Size: 1 << 20, Content: overNoise(seed+1, 5), Datastore: "slow disks 7%"}}})
}

// where is the name of what has a machine, and of its pool.
func (l *newLab) where(m *vsim.Machine) (host, pool string) {
	l.t.Helper()
	var vm mo.VirtualMachine
	if err := m.Object().Properties(context.Background(), m.Ref(), []string{"runtime.host", "resourcePool"}, &vm); err != nil {
		l.t.Fatal(err)
	}
	now := l.config(m.Ref())
	if now == nil {
		l.t.Fatal("no configuration")
	}
	got, err := l.conn.Machine(l.t.Context(), m.Ref())
	if err != nil {
		l.t.Fatal(err)
	}
	p, err := l.conn.Place(l.t.Context(), got)
	if err != nil {
		l.t.Fatal(err)
	}
	return got.HostName, p.Pool
}

// stores are the datastores of a machine's configuration, and of its disks.
func (l *newLab) stores(m *vsim.Machine) (out []string) {
	l.t.Helper()
	got, err := l.conn.Machine(l.t.Context(), m.Ref())
	if err != nil {
		l.t.Fatal(err)
	}
	out = append(out, strings.SplitN(got.Config.Files.VmPathName, "]", 2)[0][1:])
	for _, d := range got.Disks {
		out = append(out, d.Datastore)
	}
	return out
}

// A machine comes where it was said to.
func TestNewPlaces(t *testing.T) {
	t.Parallel()
	l := twoDisks(t, 71)
	pools, err := l.h.Finder().ResourcePool(context.Background(), "/DC0/host/DC0_C0/Resources")
	if err == nil {
		_, err = pools.Create(context.Background(), "gold", types.DefaultResourceConfigSpec())
	}
	if err != nil {
		t.Fatal(err)
	}
	wasHost, wasPool := l.where(l.m)
	was := []string{"fast", "fast", "slow disks 7%"}
	for _, c := range []struct {
		o                vsphere.Options
		path, host, pool string
		stores           []string
	}{
		{vsphere.Options{Name: "web02"}, "/DC0/vm/web/web02", wasHost, wasPool, was},
		{vsphere.Options{Path: "/DC0/vm"}, "/DC0/vm/web01", wasHost, wasPool, was},
		{vsphere.Options{Path: "DC0"}, "/DC0/vm/web01", wasHost, wasPool, was},
		{vsphere.Options{Path: "/DC0/vm/web/web03"}, "/DC0/vm/web/web03", wasHost, wasPool, was},
		{vsphere.Options{Path: "/DC0/vm/new/"}, "/DC0/vm/new/web01", wasHost, wasPool, was},
		{vsphere.Options{Path: "/DC0/vm/new/a b/c", Name: "x/y%"}, "/DC0/vm/new/a b/c/x%2fy%25", wasHost, wasPool, was},
		{vsphere.Options{Name: "x", Host: "DC0_H0"}, "/DC0/vm/web/x", "DC0_H0", "/DC0/host/DC0_H0/Resources", was},
		{vsphere.Options{Name: "x", Cluster: "/DC0/host/DC0_C0", Host: "DC0_C0_H1"}, "/DC0/vm/web/x", "DC0_C0_H1", "/DC0/host/DC0_C0/Resources", was},
		{vsphere.Options{Name: "x", Pool: "gold", Host: "DC0_C0_H0"}, "/DC0/vm/web/x", "DC0_C0_H0", "/DC0/host/DC0_C0/Resources/gold", was},
		{vsphere.Options{Name: "x", Storage: "slow disks 7%"}, "/DC0/vm/web/x", wasHost, wasPool, []string{"slow disks 7%", "slow disks 7%", "slow disks 7%"}},
		{vsphere.Options{Name: "x", Stores: map[string]string{"scsi0-1": "/DC0/datastore/fast"}}, "/DC0/vm/web/x", wasHost, wasPool, []string{"fast", "fast", "fast"}},
	} {
		c.o.VDDK = l.o.VDDK
		l.o = c.o
		r, err := l.try()
		if err != nil {
			t.Fatalf("%+v: %v", c.o, err)
		}
		m := l.made(r)
		host, pool := l.where(m)
		if m.Path() != c.path || host != c.host || pool != c.pool || !slices.Equal(l.stores(m), c.stores) || len(r.Short) > 0 {
			t.Errorf("%+v: %s on %s in %s, %q, %+v", c.o, m.Path(), host, pool, l.stores(m), r)
		}
		if moved := pool != wasPool; moved != (len(r.Notes) > 0) && !strings.Contains(strings.Join(r.Notes, ""), "new UUIDs") {
			t.Errorf("%+v: %q", c.o, r.Notes)
		}
		l.destroy(m)
	}
}

// Disks are had as they were, or as was said.
func TestNewFormats(t *testing.T) {
	t.Parallel()
	l := twoDisks(t, 72)
	for format, want := range map[string][2]string{
		"": {spec.ZeroedThick, spec.Thin}, spec.Thin: {spec.Thin, spec.Thin}, spec.ZeroedThick: {spec.ZeroedThick, spec.ZeroedThick},
		spec.EagerThick: {spec.EagerThick, spec.EagerThick},
	} {
		l.o.Format, l.o.Name = format, "x"+format
		m, _ := l.make()
		c := l.config(m.Ref())
		for i, d := range hyper.Disks(c.Hardware.Device) {
			if got := spec.Format(c, d.Key); got != want[i] {
				t.Errorf("%q: disk %s is %s", format, d.Name, got)
			}
		}
	}
}

// cards are what a machine's cards are plugged into, with their addresses.
func cards(c *types.VirtualMachineConfigInfo) (nets, macs []string) {
	for _, card := range spec.Cards(c.Hardware.Device) {
		macs = append(macs, card.MAC)
		switch b := card.Backing.(type) {
		case *types.VirtualEthernetCardNetworkBackingInfo:
			nets = append(nets, b.DeviceName)
		case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
			nets = append(nets, "group of "+b.Port.SwitchUuid)
		}
	}
	return nets, macs
}

// Cards come into the networks that were said, or where they were; a network that nobody named is not connected to.
func TestNewNetworks(t *testing.T) {
	t.Parallel()
	l := twoDisks(t, 73)
	l.o.Name, l.o.Networks = "a", map[string]string{"VM Network": "DC0_DVPG0"}
	m, _ := l.make()
	nets, _ := cards(l.config(m.Ref()))
	if len(nets) != 1 || !strings.HasPrefix(nets[0], "group of ") || len(nets[0]) < 20 {
		t.Errorf("%q", nets)
	}
	l.m = m // which is on a port group: its name is in the point
	captured(l)
	l.o.Name, l.o.Networks = "b", nil
	m, _ = l.make()
	if again, _ := cards(l.config(m.Ref())); !slices.Equal(again, nets) {
		t.Errorf("%q, not %q", again, nets)
	}
	label := spec.Cards(l.config(l.m.Ref()).Hardware.Device)[0].Label
	for i, old := range []string{"DC0_DVPG0", label} {
		l.o.Name, l.o.Networks = []string{"c", "d"}[i], map[string]string{old: "VM Network"}
		m, _ = l.make()
		if again, _ := cards(l.config(m.Ref())); !slices.Equal(again, []string{"VM Network"}) {
			t.Errorf("%s: %q", old, again)
		}
	}
	l.o.Name, l.o.Networks = "e", map[string]string{"Nowhere": "VM Network"}
	l.nothing(vsphere.ErrNoPlace, "no card in a network Nowhere")
	l.o.Networks = map[string]string{"DC0_DVPG0": "Nowhere"}
	l.nothing(vsphere.ErrNoPlace, "Nowhere", "DC0_DVPG0", "VM Network")
	l.o.Networks = nil
	l.change(func(c *types.VirtualMachineConfigInfo) {
		spec.Cards(c.Hardware.Device)[0].Backing.(*types.VirtualEthernetCardDistributedVirtualPortBackingInfo).Port.PortgroupKey = "dvportgroup-gone"
	})
	l.nothing(vsphere.ErrNoPlace, "dvportgroup-gone", "--network 'dvportgroup-gone=NAME'", "DC0_DVPG0", "VM Network")
}

// change changes the configuration that the point has.
func (l *newLab) change(change func(*types.VirtualMachineConfigInfo)) {
	l.t.Helper()
	var c types.VirtualMachineConfigInfo
	l.rewrite("vsphere-config", func(data []byte) []byte {
		if err := types.NewJSONDecoder(bytes.NewReader(data)).Decode(&c); err != nil {
			l.t.Fatal(err)
		}
		change(&c)
		var b bytes.Buffer
		if err := types.NewJSONEncoder(&b).Encode(&c); err != nil {
			l.t.Fatal(err)
		}
		return b.Bytes()
	})
}

// rewrite changes a file of the point; what becomes nil is gone.
func (l *newLab) rewrite(kind string, change func([]byte) []byte) {
	p := *l.point
	p.Configs = slices.Clone(p.Configs)
	for i := range p.Configs {
		if p.Configs[i].Kind == kind {
			p.Configs[i].Data = change(p.Configs[i].Data)
		}
	}
	p.Configs = slices.DeleteFunc(p.Configs, func(c format.ConfigFile) bool { return c.Data == nil })
	l.point = &p
}

// What cannot be is refused by name, before anything is made.
func TestNewRefused(t *testing.T) {
	t.Parallel()
	l := twoDisks(t, 74)
	whole := l.point
	o := func(change func(*vsphere.Options)) vsphere.Options {
		o := vsphere.Options{VDDK: l.o.VDDK, Path: "/DC0/vm/y/z"}
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		o    vsphere.Options
		is   error
		says []string
	}{
		"exists":            {o(func(o *vsphere.Options) { o.Path = "" }), machine.ErrExists, []string{"/DC0/vm/web/web01"}},
		"exists otherwise":  {o(func(o *vsphere.Options) { o.Path = "/DC0/vm/web/WEB01" }), machine.ErrExists, nil},
		"a folder is there": {o(func(o *vsphere.Options) { o.Path, o.Name = "/DC0/vm", "web" }), machine.ErrExists, nil},
		"datacenter":        {o(func(o *vsphere.Options) { o.Path = "/DC1/vm/x" }), vsphere.ErrNoPlace, []string{"/DC1/vm", "DC0"}},
		"no machines there": {o(func(o *vsphere.Options) { o.Path = "/DC0/host/x" }), vsphere.ErrNoPlace, []string{"below /DC0/vm"}},
		"cluster":           {o(func(o *vsphere.Options) { o.Cluster = "C9" }), vsphere.ErrNoPlace, []string{"cluster or host C9", "DC0_C0, DC0_H0"}},
		"host":              {o(func(o *vsphere.Options) { o.Host = "H9" }), vsphere.ErrNoPlace, []string{"host H9", "DC0_C0_H0"}},
		"host of another":   {o(func(o *vsphere.Options) { o.Host, o.Cluster = "DC0_H0", "DC0_C0" }), vsphere.ErrNoPlace, []string{"DC0_C0"}},
		"pool":              {o(func(o *vsphere.Options) { o.Pool = "P9" }), vsphere.ErrNoPlace, []string{"resource pool P9"}},
		"pools":             {o(func(o *vsphere.Options) { o.Pool = "Resources" }), vsphere.ErrNoPlace, []string{"--pool"}},
		"datastore":         {o(func(o *vsphere.Options) { o.Storage = "S9" }), machine.ErrNoStorage, []string{"S9", "fast, slow disks 7%"}},
		"disk":              {o(func(o *vsphere.Options) { o.Stores = map[string]string{"vda": "fast"} }), machine.ErrNoDisk, []string{"vda"}},
		"format":            {o(func(o *vsphere.Options) { o.Format = "raw" }), restore.ErrUnsupported, []string{"thin, zeroedthick, eagerzeroedthick"}},
		"IDs":               {o(func(o *vsphere.Options) { o.IDs = machine.KeepIDs }), machine.ErrExists, []string{"/DC0/vm/web/web01", "instance UUID"}},
		"streams verified":  {o(func(o *vsphere.Options) { o.Transport, o.Verify = vsphere.NFC, true }), restore.ErrNoReread, nil},
	} {
		t.Run(name, func(t *testing.T) {
			at := *l.overLab
			at.t, at.o = t, c.o
			(&newLab{&at}).nothing(c.is, c.says...)
		})
	}
	l.o.Path = "/DC0/vm/y/z"
	l.rewrite("vsphere-config", func([]byte) []byte { return nil })
	l.nothing(machine.ErrNoDefinition)
	for _, bad := range []string{"", "{", "null", "[]", `{"_typeName":"VirtualMachineConfigInfo"}`, `{"_typeName":"VirtualMachineConfigInfo","name":"x","hardware":{"_typeName":"VirtualHardware","device":[null]}}`} {
		l.point = whole
		l.rewrite("vsphere-config", func([]byte) []byte { return []byte(bad) })
		l.nothing(machine.ErrBadDefinition)
	}
	l.point = whole
	l.rewrite("vsphere-info", func([]byte) []byte { return []byte("{") })
	l.nothing(machine.ErrBadDefinition, "vsphere-info")
	l.point = whole
	l.h.Deny("Resource.AssignVMToPool", "VirtualMachine.Inventory.Create")
	l.nothing(hyper.ErrPrivilege, "Resource.AssignVMToPool", "VirtualMachine.Inventory.Create", l.h.User())
	l.h.Allow()
}
