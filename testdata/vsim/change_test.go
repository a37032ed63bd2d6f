package vsim

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	views "github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func (c *client) machine(m *Machine, props ...string) mo.VirtualMachine {
	c.t.Helper()
	var vm mo.VirtualMachine
	if err := property.DefaultCollector(c.Client.Client).RetrieveOne(context.Background(), m.Ref(), props, &vm); err != nil {
		c.t.Fatal(err)
	}
	return vm
}

func TestDisksComeGrowMoveAndGo(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{CBT: true, Disks: []Disk{{Size: 1 << 20, Content: noise(1, 1<<20)}, {Size: 2 << 20, On: "sata"}, {Size: 1 << 20, On: "nvme"}}})
	c := dial(t, h)
	if got := fmt.Sprint(m.Disks()); got != "[scsi0-0 sata0-0 nvme0-0]" {
		t.Fatal(got)
	}
	if got := m.AddDisk(Disk{Size: 3 << 20, Content: noise(2, 100), Datastore: "slow disks 7%"}); got != "scsi0-1" {
		t.Fatal(got)
	}
	first, id := firstDisk(c.config(m.Snapshot("a")).Config.Hardware.Device)
	if task, err := object.NewVirtualMachine(c.Client.Client, m.Ref()).Reconfigure(context.Background(), grown(first)); err != nil {
		t.Fatal(err)
	} else if err = task.Wait(context.Background()); !fault.Is(err, &types.InvalidDeviceOperation{}) {
		t.Fatalf("a disk grew under a snapshot: %v", err)
	}
	m.await(m.Object().RemoveAllSnapshot(context.Background(), types.NewBool(true)))
	m.ExtendDisk("scsi0-0", 2<<20)
	if got := m.Content("scsi0-0"); len(got) != 2<<20 || !bytes.Equal(got[:1<<20], noise(1, 1<<20)) {
		t.Fatal("an extended disk has other content")
	}
	m.MoveDisk("scsi0-0", "slow disks 7%")
	if got := m.Content("scsi0-0"); !bytes.Equal(got[:1<<20], noise(1, 1<<20)) || m.Files()[0] != "[slow disks 7%] vm/moved-vm-flat.vmdk" {
		t.Fatal("a moved disk has other content, or is not there", m.Files())
	}
	ref, s := c.snapshot(m)
	if _, err := c.areas(m, ref, first.Key, 0, id); !fault.Is(err, &types.FileFault{}) {
		t.Fatalf("a moved disk kept its changeId: %v", err)
	}
	d := object.VirtualDeviceList(s.Config.Hardware.Device).FindByKey(first.Key).(*types.VirtualDisk)
	if b := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); *b.Datastore != h.datastore("slow disks 7%").Self || d.CapacityInBytes != 2<<20 {
		t.Fatalf("%+v, %d bytes", b, d.CapacityInBytes)
	}
	m.RemoveSnapshot(ref)
	status, text, err := c.get(h, "[slow disks 7%] vm/moved-vm.vmdk", "")
	if err != nil || status != 200 || !strings.Contains(string(text), `RW 4096 VMFS "moved-vm-flat.vmdk"`) || !strings.Contains(string(text), "ddb.uuid") {
		t.Fatalf("descriptor: %d %v\n%s", status, err, text)
	}
	m.RemoveDisk("scsi0-1")
	if got := fmt.Sprint(m.Disks()); got != "[sata0-0 nvme0-0 scsi0-0]" && got != "[scsi0-0 sata0-0 nvme0-0]" {
		t.Fatal(got)
	}
}

func grown(d *types.VirtualDisk) types.VirtualMachineConfigSpec {
	more := *d
	more.CapacityInBytes, more.CapacityInKB = 2*d.CapacityInBytes, 2*d.CapacityInKB
	return types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{
		&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: &more}}}
}

func TestDisksThatSnapshotsLeaveOut(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{CBT: true, Disks: []Disk{{Size: 1 << 20}, {Size: 1 << 20, Mode: "independent_persistent"}, {Size: 1 << 20, Kind: "rdm"},
		{Size: 1 << 20, Kind: "rdmv"}, {Size: 1 << 20, Kind: "sesparse"}}})
	c := dial(t, h)
	ref, s := c.snapshot(m)
	ids := map[int32]string{}
	for i, dev := range object.VirtualDeviceList(s.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil)) {
		switch b := dev.GetVirtualDevice().Backing.(type) {
		case *types.VirtualDiskFlatVer2BackingInfo:
			ids[int32(i)] = b.ChangeId
		case *types.VirtualDiskSeSparseBackingInfo:
			ids[int32(i)] = b.ChangeId
		case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
			ids[int32(i)] = b.ChangeId
		}
		_, err := c.areas(m, ref, dev.GetVirtualDevice().Key, 0, "*")
		if apart := i == 1 || i == 2; apart != (err != nil) || apart != (ids[int32(i)] == "") {
			t.Errorf("disk %d: changeId %q, %v", i, ids[int32(i)], err)
		}
	}
	m.Write("scsi0-1", 0, []byte("live"))
	if _, got, _ := c.get(h, m.Files()[1], "bytes=0-3"); string(got) != "live" {
		t.Errorf("an independent disk was frozen: %q", got)
	}
}

func TestSnapshotsRefused(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	shared := h.Add(Spec{Name: "shared", SharedBus: true, Disks: []Disk{{Size: 1 << 20}}})
	template := h.Add(Spec{Name: "template", Disks: []Disk{{Size: 1 << 20}}})
	template.MarkAsTemplate()
	for _, m := range []*Machine{shared, template} {
		task, err := m.Object().CreateSnapshot(context.Background(), "a", "", false, false)
		if err != nil {
			t.Fatal(err)
		}
		if err = task.Wait(context.Background()); !fault.Is(err, &types.NotSupported{}) {
			t.Errorf("%s: %v", m.Name(), err)
		}
	}
}

func TestConsolidationNeeded(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{Disks: []Disk{{Size: 32 << 20, Content: noise(1, 1<<20)}}})
	c := dial(t, h)
	needed := func() bool { return c.machine(m, "runtime").Runtime.ConsolidationNeeded }
	consolidate := func() error {
		res, err := methods.ConsolidateVMDisks_Task(context.Background(), c.Client.Client, &types.ConsolidateVMDisks_Task{This: m.Ref()})
		if err != nil {
			return err
		}
		return object.NewTask(c.Client.Client, res.Returnval).Wait(context.Background())
	}
	if m.LeaveDeltas(); !needed() {
		t.Fatal("deltas were left, and nothing is needed")
	}
	if err := consolidate(); err != nil || needed() {
		t.Fatal("consolidated, and still needed", err)
	}
	ref, _ := c.snapshot(m)
	m.Write("scsi0-0", 5, []byte("later"))
	res := holdOpen(t, c, h, m.Files()[0])
	if err := c.remove(m, ref); err != nil || !needed() {
		t.Fatalf("the base was read meanwhile: %v, consolidation needed %v", err, needed())
	}
	if err := consolidate(); !fault.Is(err, &types.FileLocked{}) {
		t.Fatalf("consolidated under a reader: %v", err)
	}
	res.Body.Close()
	for end := time.Now().Add(10 * time.Second); consolidate() != nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if needed() || string(m.Content("scsi0-0")[5:10]) != "later" {
		t.Fatal("not consolidated, or wrongly")
	}
}

// holdOpen begins to read a file that is larger than what the socket takes in, and so is held.
func holdOpen(t *testing.T, c *client, h *Host, name string) *http.Response {
	t.Helper()
	var p object.DatastorePath
	p.FromString(name)
	res, err := c.Client.Client.Client.Client.Get(object.NewDatastoreURL(*c.URL(), h.admin.dc.Name(), p.Datastore, p.Path).String())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestReregistered(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{Folder: "web/prod", Disks: []Disk{{Size: 1 << 20, Content: noise(1, 1<<20)}}})
	c := dial(t, h)
	if m.Path() != "/DC0/vm/web/prod/vm" {
		t.Fatal(m.Path())
	}
	old, id := m.Ref(), m.InstanceUUID()
	m.PowerOff()
	m.Reregister()
	m.PowerOn()
	if m.Ref() == old || m.InstanceUUID() != id || m.Path() != "/DC0/vm/web/prod/vm" {
		t.Fatal(m.Ref(), old, m.InstanceUUID(), m.Path())
	}
	found, err := object.NewSearchIndex(c.Client.Client).FindByUuid(context.Background(), nil, id, true, types.NewBool(true))
	if err != nil || found.Reference() != m.Ref() {
		t.Fatal(found, err)
	}
	ref, _ := c.snapshot(m)
	m.Write("scsi0-0", 0, []byte("x"))
	if !bytes.Equal(m.Frozen("scsi0-0"), noise(1, 1<<20)) {
		t.Fatal("frozen content differs")
	}
	m.RemoveSnapshot(ref)
}

func TestPrivilegesAreTold(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{})
	c := dial(t, h)
	const lost, kept = "VirtualMachine.State.CreateSnapshot", "VirtualMachine.State.RemoveSnapshot"
	h.Deny(lost)
	am := object.NewAuthorizationManager(c.Client.Client)
	res, err := methods.HasPrivilegeOnEntities(context.Background(), c.Client.Client, &types.HasPrivilegeOnEntities{
		This: *c.ServiceContent.AuthorizationManager, Entity: []types.ManagedObjectReference{m.Ref()}, PrivId: []string{lost, kept}})
	if err != nil || res.Returnval[0].PrivAvailability[0].IsGranted || !res.Returnval[0].PrivAvailability[1].IsGranted {
		t.Errorf("%+v %v", res, err)
	}
	list, err := am.FetchUserPrivilegeOnEntities(context.Background(), []types.ManagedObjectReference{m.Ref()}, h.User())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	has := fmt.Sprint(list[0].Privileges)
	if strings.Contains(has, lost) || !strings.Contains(has, kept) {
		t.Error(has)
	}
	h.Deny("Datastore.Browse")
	if status, _, _ := c.get(h, m.NVRAM(), ""); status != 403 {
		t.Error(status)
	}
}

func TestAttributesTagsAndNVRAM(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{Annotation: "of the shop", ExtraConfig: map[string]string{"guestinfo.a": "b"}})
	off := h.Add(Spec{Name: "never on", Off: true})
	c := dial(t, h)
	m.SetAttribute("BCK_FVM", "1D 1M")
	m.SetAttribute("BCK_FVM", "7D")
	m.Tag("backup", "daily")
	m.Tag("backup", "offsite")
	if got := m.Attribute("BCK_FVM"); got != "7D" || off.Attribute("BCK_FVM") != "" {
		t.Errorf("attribute %q", got)
	}
	if got := m.Tags(); len(got) != 2 {
		t.Errorf("tags %v", got)
	}
	vm := c.machine(m, "config", "layoutEx")
	if vm.Config.Annotation != "of the shop" || vm.Config.Firmware != "efi" {
		t.Errorf("%+v", vm.Config)
	}
	files := fmt.Sprintf("%+v", vm.LayoutEx.File)
	if !strings.Contains(files, m.NVRAM()) || strings.Contains(fmt.Sprintf("%+v", c.machine(off, "layoutEx").LayoutEx.File), "nvram") {
		t.Errorf("layout %s", files)
	}
	if status, got, err := c.get(h, m.NVRAM(), ""); status != 200 || err != nil || string(got) != "MRVN of vm" {
		t.Errorf("%d %q %v", status, got, err)
	}
}

func TestLayoutOfDeltas(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{Disks: []Disk{{Size: 1 << 20}}})
	c := dial(t, h)
	m.Snapshot("one")
	m.Snapshot("two")
	vm := c.machine(m, "layoutEx", "config")
	names := map[int32]string{}
	for _, f := range vm.LayoutEx.File {
		names[f.Key] = f.Name + " " + f.Type
	}
	var got []string
	for _, unit := range vm.LayoutEx.Disk[0].Chain {
		for _, key := range unit.FileKey {
			got = append(got, names[key])
		}
	}
	want := []string{"[fast] vm/vm.vmdk diskDescriptor", "[fast] vm/vm-flat.vmdk diskExtent",
		"[fast] vm/vm-000001.vmdk diskDescriptor", "[fast] vm/vm-000001-sesparse.vmdk diskExtent",
		"[fast] vm/vm-000002.vmdk diskDescriptor", "[fast] vm/vm-000002-sesparse.vmdk diskExtent"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("chain %q", got)
	}
	d, _ := firstDisk(vm.Config.Hardware.Device)
	b := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if b.FileName != "[fast] vm/vm-000002.vmdk" || b.Parent.FileName != "[fast] vm/vm-000001.vmdk" || b.Parent.Parent.FileName != "[fast] vm/vm.vmdk" {
		t.Errorf("backing %+v", b)
	}
}

func TestCrowd(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{Name: "web", Disks: []Disk{{Size: 1 << 20}}})
	key := h.field("BCK_FVM")
	start := time.Now()
	m.Crowd(2000, func(i int, vm *simulator.VirtualMachine) {
		if i%10 == 0 {
			vm.CustomValue = []types.BaseCustomFieldValue{&types.CustomFieldStringValue{CustomFieldValue: types.CustomFieldValue{Key: key}, Value: "1D"}}
		}
	})
	made := time.Since(start)
	c := dial(t, h)
	ctx := context.Background()
	h.ResetCounts()
	start = time.Now()
	v, err := views.NewManager(c.Client.Client).CreateContainerView(ctx, c.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		t.Fatal(err)
	}
	var vms []mo.VirtualMachine
	if err = v.Retrieve(ctx, []string{"VirtualMachine"}, []string{"name", "parent", "customValue", "config.instanceUuid", "runtime.powerState"}, &vms); err != nil {
		t.Fatal(err)
	}
	picked, ids := 0, map[string]bool{}
	for _, vm := range vms {
		if len(vm.CustomValue) > 0 {
			picked++
		}
		ids[vm.Config.InstanceUuid] = true
	}
	if len(vms) != 2001 || picked != 200 || len(ids) != 2001 {
		t.Errorf("%d machines, %d with the attribute, %d UUIDs", len(vms), picked, len(ids))
	}
	t.Logf("made in %v, listed in %v and %d round trips", made, time.Since(start), h.Counts().RoundTrips)
}

func TestDisksAreSwapped(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{Off: true, CBT: true, Disks: []Disk{{Size: 1 << 20, On: "ide"}, {Size: 1 << 20, On: "ide", Content: noise(1, 1<<20)}}})
	from := h.Add(Spec{Name: "from", Off: true, Disks: []Disk{{Size: 1 << 20, Content: noise(2, 1<<20)}}})
	c, ctx := dial(t, h), context.Background()
	if got := fmt.Sprint(m.Disks()); got != "[ide0-0 ide0-1]" {
		t.Fatal(got)
	}
	reconfigure := func(m *Machine, op types.VirtualDeviceConfigSpecOperation, d *types.VirtualDisk) {
		t.Helper()
		task, err := object.NewVirtualMachine(c.Client.Client, m.Ref()).Reconfigure(ctx, types.VirtualMachineConfigSpec{
			DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{Operation: op, Device: d}}})
		if err != nil {
			t.Fatal(err)
		}
		if err = task.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
	moved, old := from.device("scsi0-0"), m.device("ide0-1")
	reconfigure(from, types.VirtualDeviceConfigSpecOperationRemove, moved)
	reconfigure(m, types.VirtualDeviceConfigSpecOperationRemove, old)
	moved.ControllerKey, moved.UnitNumber, moved.Key = old.ControllerKey, old.UnitNumber, old.Key
	reconfigure(m, types.VirtualDeviceConfigSpecOperationAdd, moved)
	if len(from.Disks()) != 0 || !bytes.Equal(m.Content("ide0-1"), noise(2, 1<<20)) {
		t.Error("the disk is not the other machine's")
	}
	if status, got, err := c.get(h, "[fast] vm/vm_1-flat.vmdk", ""); status != 200 || err != nil || !bytes.Equal(got, noise(1, 1<<20)) {
		t.Errorf("the old disk's file: %d %v", status, err)
	}
}

// What `*` says is a hint: on NFS, and when tracking began while there was a snapshot.
func TestAllAreasAreAHint(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{Datastores: []Datastore{{Name: "nfs", Type: "NFS"}, {Name: "vmfs"}}})
	c := dial(t, h)
	nfs := h.Add(Spec{Name: "nfs", CBT: true, Disks: []Disk{{Size: 1 << 20, Content: []byte("x")}}})
	ref, s := c.snapshot(nfs)
	d, _ := firstDisk(s.Config.Hardware.Device)
	if all, _ := c.allAreas(nfs, ref, d, "*"); len(all) != 1 || all[0].Length != 1<<20 {
		t.Errorf("on NFS: %v", all)
	}
	late := h.Add(Spec{Name: "late", Datastore: "vmfs", Disks: []Disk{{Size: 1 << 20, Content: noise(1, 1<<20)}}})
	user := late.Snapshot("a user's")
	late.EnableCBT()
	late.PowerOff()
	late.PowerOn()
	late.Write("scsi0-0", 3*Grain, []byte("x"))
	late.RemoveSnapshot(user)
	ref, s = c.snapshot(late)
	d, _ = firstDisk(s.Config.Hardware.Device)
	if all, _ := c.allAreas(late, ref, d, "*"); len(all) != 1 || all[0].Start != 3*Grain {
		t.Errorf("begun late: %v", all)
	}
}

func TestSessionsIdle(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{IdleTimeout: time.Second})
	c := dial(t, h)
	if h.Sessions() != 1 {
		t.Error(h.Sessions())
	}
	for end := time.Now().Add(time.Minute); h.Sessions() > 0 && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	if _, err := methods.GetCurrentTime(context.Background(), c.Client.Client); !fault.Is(err, &types.NotAuthenticated{}) {
		t.Errorf("after idling: %v", err)
	}
	h.Add(Spec{}) // the test's own session has no end
}

func TestLockedFlatsAreReadAtTheirHost(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{Locked: true, ReusableTickets: true})
	m := h.Add(Spec{Tools: "linuxGuest", Disks: []Disk{{Size: 1 << 20}}})
	c, ctx := dial(t, h), context.Background()
	vm := c.machine(m, "guest", "datastore")
	if vm.Guest.GuestFamily != "linuxGuest" {
		t.Errorf("%+v", vm.Guest)
	}
	ds := object.NewDatastore(c.Client.Client, vm.Datastore[0])
	if err := ds.FindInventoryPath(ctx); err != nil {
		t.Fatal(err)
	}
	var p object.DatastorePath
	p.FromString(m.Files()[0])
	at := func(host types.ManagedObjectReference) int {
		u, cookie, err := ds.ServiceTicket(ds.HostContext(ctx, object.NewHostSystem(c.Client.Client, host)), p.Path, "GET")
		if err != nil {
			t.Fatal(err)
		}
		r, _ := http.NewRequest("GET", u.String(), nil)
		r.AddCookie(cookie)
		res, err := anyServer.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	old := *c.machine(m, "runtime").Runtime.Host
	now := m.MoveHost()
	through, _, _ := c.get(h, m.Files()[0], "bytes=0-9")
	if at(old) != 500 || at(now) != 200 || through != 500 {
		t.Errorf("old host %d, new one %d, vCenter %d", at(old), at(now), through)
	}
	m.PowerOff()
	if through, _, _ = c.get(h, m.Files()[0], "bytes=0-9"); through != 206 {
		t.Errorf("when it is off: %d", through)
	}
}
