package vsphere_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vsphere/spec"
	"vbfs/hyper/vsphere/vspheretest"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// A machine has its IDs when it comes back as itself, and new ones when another has any of them.
func TestNewIDs(t *testing.T) {
	t.Parallel()
	l := twoDisks(t, 81)
	was := l.config(l.m.Ref())
	_, macs := cards(was)
	same := func(m *vsim.Machine) (uuid, instance, mac bool) {
		now := l.config(m.Ref())
		_, is := cards(now)
		return now.Uuid == was.Uuid, now.InstanceUuid == was.InstanceUuid, slices.Equal(is, macs)
	}
	check := func(ids machine.IDs, name string, want bool) (*vsim.Machine, *machine.Result) {
		t.Helper()
		l.o.IDs, l.o.Name = ids, name
		m, r := l.make()
		if u, i, c := same(m); u != want || i != want || c != want {
			t.Errorf("%v %s: uuid %t, instance %t, addresses %t", ids, name, u, i, c)
		}
		return m, r
	}
	check(machine.AutoIDs, "beside", false)
	l.lost()
	m, _ := check(machine.AutoIDs, "", true)
	l.destroy(m)
	m, _ = check(machine.KeepIDs, "other", true)
	l.destroy(m)
	check(machine.NewIDs, "", false)
	l.destroy(l.h.Machine("web01"))

	// Another machine has one of the addresses alone.
	other := l.h.Add(vsim.Spec{Name: "other", Off: true})
	devices, err := other.Object().Device(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range devices {
		if e, ok := d.(types.BaseVirtualEthernetCard); ok {
			e.GetVirtualEthernetCard().MacAddress = strings.ToUpper(macs[0])
			l.m = other
			l.reconfigure(types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{
				&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: d}}})
		}
	}
	_, r := check(machine.AutoIDs, "", false)
	l.noted(r, "/DC0/vm/other has the recorded machine's network address "+macs[0])
	l.o.IDs, l.o.Name = machine.KeepIDs, "third"
	l.nothing(machine.ErrExists, "/DC0/vm/other", macs[0])
}

// A drive whose medium is gone is empty, and says so.
func TestNewMedia(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	if err := os.MkdirAll(h.Path("[fast] iso"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Path(iso), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := makeNewLabAt(t, h, vsim.Spec{Name: "web01", Disks: []vsim.Disk{{Size: 1 << 20}}}, more())
	if err := os.Remove(h.Path(iso)); err != nil {
		t.Fatal(err)
	}
	l.o.Name = "web02"
	m, r := l.make()
	l.noted(r, "VirtualCdrom) is empty: "+iso+" is not there")
	for _, d := range l.config(m.Ref()).Hardware.Device {
		cd, ok := d.(*types.VirtualCdrom)
		if !ok {
			continue
		}
		if _, ok := cd.Backing.(*types.VirtualCdromRemotePassthroughBackingInfo); !ok || cd.Connectable.StartConnected {
			t.Errorf("%+v", cd)
		}
	}
}

// What of the point is not restored is said: a disk that it has not, and one for which the machine has no place.
func TestNewWithoutDisks(t *testing.T) {
	t.Parallel()
	l := twoDisks(t, 82)
	l.o.Name = "a"
	r, err := vsphere.Begin(l.conn).New(t.Context(), l.machine(l.point, "scsi0-0"), l.o)
	if err != nil || len(r.Disks) != 1 || len(r.Short) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	l.noted(r, "disk scsi0-1 is left out")
	l.change(func(c *types.VirtualMachineConfigInfo) {
		c.Hardware.Device = slices.DeleteFunc(c.Hardware.Device, func(d types.BaseVirtualDevice) bool {
			disk, ok := d.(*types.VirtualDisk)
			return ok && *disk.UnitNumber == 1
		})
	})
	l.o.Name = "b"
	r, err = l.try()
	if err != nil || len(r.Disks) != 1 || len(r.Short) != 1 || !strings.Contains(r.Short[0], "disk scsi0-1 is not restored") {
		t.Fatalf("%+v, %v", r, err)
	}
	m := l.machine(l.point)
	m.Disks = nil
	if _, err := vsphere.Begin(l.conn).New(t.Context(), m, l.o); !strings.Contains(err.Error(), machine.ErrNoDisk.Error()) {
		t.Errorf("%v", err)
	}
}

// The next backup of a machine that came back reads its disks in full, and the one after that what was written.
func TestNewIsReadInFull(t *testing.T) {
	t.Parallel()
	l := makeNewLab(t, vsim.Spec{Name: "web01", CBT: true, Disks: []vsim.Disk{{Size: 2 << 20, Content: overNoise(83, 1<<20)}}})
	l.lost()
	l.m, _ = l.make()
	if !l.look().Tracking {
		t.Fatal("change tracking is off")
	}
	l.m.PowerOn()
	l.m.Write("scsi0-0", 1<<20, overNoise(84, 70<<10))
	p := l.capture(ingest.Inc)
	full := func(p *format.Manifest) string { return p.Disks[0].Fallback }
	if !strings.Contains(full(p), "does not have the disk") {
		t.Errorf("%q", full(p))
	}
	l.m.Write("scsi0-0", 0, overNoise(85, 70<<10))
	if p = l.capture(ingest.Inc); full(p) != "" || p.Done != ingest.Inc {
		t.Errorf("%s, %q", p.Done, full(p))
	}
}

// A single host has no tags and attributes, and one pool; all else is as at a vCenter.
func TestNewESXi(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{ESX: true})
	l := makeNewLabAt(t, h, vsim.Spec{Name: "web01", NVRAM: overNoise(86, 99), CBT: true, Disks: []vsim.Disk{{Size: 1 << 20, Content: overNoise(86, 1<<20)}}})
	was := l.config(l.m.Ref())
	l.lost()
	m, r := l.make()
	for _, d := range differences(t, was, l.config(m.Ref()), "device/*/deviceInfo/*") {
		t.Error(d)
	}
	if nvram, err := os.ReadFile(h.Path(m.NVRAM())); err != nil || string(nvram) != string(overNoise(86, 99)) || len(r.Notes) > 0 {
		t.Errorf("%v, %+v", err, r)
	}
	l.change(func(c *types.VirtualMachineConfigInfo) {
		spec.Cards(c.Hardware.Device)[0].Backing.(*types.VirtualEthernetCardNetworkBackingInfo).DeviceName = "gone"
	})
	l.o.Name = "web02"
	m, r = l.make()
	l.noted(r, "is not connected: the network gone is not there")
	for _, d := range l.config(m.Ref()).Hardware.Device {
		if e, ok := d.(types.BaseVirtualEthernetCard); ok && e.GetVirtualEthernetCard().Connectable.StartConnected {
			t.Error("it is connected to a network that nobody named")
		}
	}
	l.o.Path, l.o.Name = "/ha-datacenter/vm/folder/x", ""
	if _, err := l.try(); err == nil {
		t.Error("a single host has no folders")
	}
}

// Of another vCenter, all that has a name there is found by it, and what is not there is noted.
func TestNewElsewhere(t *testing.T) {
	t.Parallel()
	l := small(t, 87)
	l.m.Tag("Place", "here")
	captured(l)
	h := vsim.Start(t, vsim.Options{Datastores: []vsim.Datastore{{Name: "only"}}})
	h.Add(vsim.Spec{Name: "first", Off: true}).Tag("Tier", "gold")
	v := h.VDDK()
	l.h, l.conn, l.o = h, vspheretest.Login(t, h), vsphere.Options{}
	l.o.VDDK.Plugin, l.o.VDDK.LibDir = v.Plugin, v.LibDir
	m, r := l.make()
	if m.Path() != "/DC0/vm/web01" || m.Attribute("Owner") != "me" || !slices.Equal(m.Tags(), []string{"gold"}) || !slices.Equal(l.stores(m), []string{"only", "only", "only"}) {
		t.Errorf("%s, %q, %q, %q", m.Path(), m.Attribute("Owner"), m.Tags(), l.stores(m))
	}
	l.noted(r, "without the tag here")
	if len(spec.Cards(l.config(m.Ref()).Hardware.Device)) != 1 {
		t.Error("no card")
	}
}
