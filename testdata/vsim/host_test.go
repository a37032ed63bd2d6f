package vsim

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// A client is what a program that backs up would have.
type client struct {
	t *testing.T
	*govmomi.Client
}

func dial(t *testing.T, h *Host) *client {
	t.Helper()
	c, err := try(h, h.Thumbprint(), url.UserPassword(h.User(), h.Password()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseIdleConnections() })
	return &client{t, c}
}

func try(h *Host, thumbprint string, user *url.Userinfo) (*govmomi.Client, error) {
	ctx := context.Background()
	s := soap.NewClient(h.URL(), false)
	s.SetThumbprint(h.URL().Host, thumbprint)
	vc, err := vim25.NewClient(ctx, s)
	if err != nil {
		return nil, err
	}
	c := &govmomi.Client{Client: vc, SessionManager: session.NewManager(vc)}
	return c, c.Login(ctx, user)
}

// snapshot makes one and returns its moref and configuration.
func (c *client) snapshot(m *Machine) (types.ManagedObjectReference, mo.VirtualMachineSnapshot) {
	c.t.Helper()
	ctx := context.Background()
	task, err := object.NewVirtualMachine(c.Client.Client, m.Ref()).CreateSnapshot(ctx, "vbfs", "", false, false)
	if err != nil {
		c.t.Fatal(err)
	}
	info, err := task.WaitForResult(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	ref := info.Result.(types.ManagedObjectReference)
	return ref, c.config(ref)
}

func (c *client) config(ref types.ManagedObjectReference) mo.VirtualMachineSnapshot {
	c.t.Helper()
	var s mo.VirtualMachineSnapshot
	if err := property.DefaultCollector(c.Client.Client).RetrieveOne(context.Background(), ref, []string{"config"}, &s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *client) remove(m *Machine, ref types.ManagedObjectReference) error {
	task, err := object.NewVirtualMachine(c.Client.Client, m.Ref()).RemoveSnapshot(context.Background(), ref.Value, false, types.NewBool(true))
	if err != nil {
		return err
	}
	return task.Wait(context.Background())
}

// firstDisk and its changeId in a snapshot.
func firstDisk(devices []types.BaseVirtualDevice) (*types.VirtualDisk, string) {
	d := object.VirtualDeviceList(devices).SelectByType((*types.VirtualDisk)(nil))[0].(*types.VirtualDisk)
	if b, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
		return d, b.ChangeId
	}
	return d, ""
}

func (c *client) areas(m *Machine, snapshot types.ManagedObjectReference, key int32, start int64, id string) (*types.DiskChangeInfo, error) {
	res, err := methods.QueryChangedDiskAreas(context.Background(), c.Client.Client, &types.QueryChangedDiskAreas{
		This: m.Ref(), Snapshot: &snapshot, DeviceKey: key, StartOffset: start, ChangeId: id})
	if err != nil {
		return nil, err
	}
	return &res.Returnval, nil
}

// allAreas loops as a client must.
func (c *client) allAreas(m *Machine, snapshot types.ManagedObjectReference, d *types.VirtualDisk, id string) (all []types.DiskChangeExtent, calls int) {
	c.t.Helper()
	for at := int64(0); at < d.CapacityInBytes; calls++ {
		info, err := c.areas(m, snapshot, d.Key, at, id)
		if err != nil {
			c.t.Fatal(err)
		}
		if info.StartOffset != at || info.Length <= 0 {
			c.t.Fatalf("asked at %d, answer %+v", at, info)
		}
		all, at = append(all, info.ChangedArea...), at+info.Length
	}
	return all, calls
}

// get reads a range of a file of a datastore.
func (c *client) get(h *Host, name, byteRange string) (int, []byte, error) {
	var p object.DatastorePath
	p.FromString(name)
	u := object.NewDatastoreURL(*c.URL(), h.admin.dc.Name(), p.Datastore, p.Path)
	r, err := http.NewRequest("GET", u.String(), nil)
	if err != nil {
		return 0, nil, err
	}
	if byteRange != "" {
		r.Header.Set("Range", byteRange)
	}
	res, err := c.Client.Client.Client.Client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

func noise(seed, n int64) []byte {
	p := make([]byte, n)
	rand.New(rand.NewSource(seed)).Read(p)
	return p
}

func TestCertificateAndPassword(t *testing.T) {
	t.Parallel()
	for _, esx := range []bool{false, true} {
		h := Start(t, Options{ESX: esx})
		c := dial(t, h)
		if c.IsVC() == esx {
			t.Errorf("IsVC is %v", c.IsVC())
		}
		if _, err := try(h, h.Thumbprint(), url.UserPassword(h.User(), "wrong")); !fault.Is(err, &types.InvalidLogin{}) {
			t.Errorf("a wrong password: %v", err)
		}
		if _, err := try(h, h.Thumbprint(), url.UserPassword("root", h.Password())); !fault.Is(err, &types.InvalidLogin{}) {
			t.Errorf("a wrong user: %v", err)
		}
		old := h.Thumbprint()
		h.NewCertificate()
		if _, err := try(h, old, url.UserPassword(h.User(), h.Password())); err == nil {
			t.Error("another certificate was taken for the old one")
		}
		s := soap.NewClient(h.URL(), false)
		if err := s.SetRootCAs(h.CAFile()); err != nil {
			t.Fatal(err)
		}
		if _, err := vim25.NewClient(context.Background(), s); err != nil {
			t.Errorf("with the certificate as CA: %v", err)
		}
	}
}

func TestSnapshotFreezesAndConsolidates(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	size := int64(8<<20 + 512)
	m := h.Add(Spec{Disks: []Disk{{Size: size, Content: noise(1, 3<<20)}}})
	c := dial(t, h)
	before := m.Content("scsi0-0")
	m.Write("scsi0-0", 4<<20, noise(2, 1000))
	frozen := m.Content("scsi0-0")
	if bytes.Equal(before, frozen) {
		t.Fatal("a write of the guest is not seen")
	}
	ref, s := c.snapshot(m)
	d, _ := firstDisk(s.Config.Hardware.Device)
	name := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo).FileName
	m.Write("scsi0-0", 100, noise(3, 200000))
	m.Write("scsi0-0", size-7, []byte("the end"))
	status, got, err := c.get(h, flatName(name), fmt.Sprintf("bytes=0-%d", size-1))
	if err != nil || status != http.StatusPartialContent || !bytes.Equal(got, frozen) {
		t.Fatalf("the flat under a snapshot: status %d, %d bytes, %v", status, len(got), err)
	}
	if !bytes.Equal(m.Frozen("scsi0-0"), frozen) {
		t.Fatal("what was frozen is not what Frozen says")
	}
	after := m.Content("scsi0-0")
	if err := c.remove(m, ref); err != nil {
		t.Fatal(err)
	}
	if _, got, err = c.get(h, flatName(name), ""); err != nil || !bytes.Equal(got, after) {
		t.Fatalf("the flat after consolidation: %d bytes, %v", len(got), err)
	}
	if !bytes.Equal(m.Content("scsi0-0"), after) || !bytes.Equal(m.Frozen("scsi0-0"), frozen) {
		t.Fatal("consolidation changed the disk, or what was frozen")
	}
}

func TestChangedAreas(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{MaxAreas: 3, Window: 2 << 20})
	m := h.Add(Spec{CBT: true, Disks: []Disk{{Size: 8 << 20, Content: noise(1, 1<<20)}}})
	c := dial(t, h)
	ref, s := c.snapshot(m)
	d, id := firstDisk(s.Config.Hardware.Device)
	if id == "" {
		t.Fatal("a snapshot after power-on has no changeId")
	}
	if all, _ := c.allAreas(m, ref, d, "*"); len(all) != 1 || all[0] != (types.DiskChangeExtent{Start: 0, Length: 1 << 20}) {
		t.Fatalf("`*` is %v", all)
	}
	want := []types.DiskChangeExtent{}
	for i := int64(0); i < 5; i++ {
		m.Write("scsi0-0", i*2*Grain+3, []byte("x"))
		want = append(want, types.DiskChangeExtent{Start: i * 2 * Grain, Length: Grain})
	}
	if all, _ := c.allAreas(m, ref, d, id); len(all) != 0 {
		t.Fatalf("the snapshot knows of later writes: %v", all)
	}
	if err := c.remove(m, ref); err != nil {
		t.Fatal(err)
	}
	ref, s = c.snapshot(m)
	all, calls := c.allAreas(m, ref, d, id)
	if fmt.Sprint(all) != fmt.Sprint(want) || calls != 5 {
		t.Fatalf("changed %v in %d calls, want %v in 5: two for the first window, and one empty for each other", all, calls, want)
	}
	m.Write("scsi0-0", 0, []byte("written again after the snapshot, and still changed before it"))
	if again, _ := c.allAreas(m, ref, d, id); fmt.Sprint(again) != fmt.Sprint(all) {
		t.Fatalf("changed %v, before %v", again, all)
	}
	for what, ask := range map[string]struct {
		key   int32
		start int64
		id    string
		want  types.BaseMethodFault
	}{
		"capacity":        {d.Key, d.CapacityInBytes, id, &types.InvalidArgument{}},
		"negative":        {d.Key, -1, id, &types.InvalidArgument{}},
		"no disk":         {99, 0, id, &types.InvalidArgument{}},
		"no changeId":     {d.Key, 0, "", &types.InvalidArgument{}},
		"another life":    {d.Key, 0, "52 00/1", &types.FileFault{}},
		"no number in id": {d.Key, 0, "52 00", &types.InvalidArgument{}},
	} {
		if _, err := c.areas(m, ref, ask.key, ask.start, ask.id); !fault.Is(err, ask.want) {
			t.Errorf("%s: %v, want %T", what, err, ask.want)
		}
	}
	m.ResetCBT()
	if err := c.remove(m, ref); err != nil {
		t.Fatal(err)
	}
	ref, _ = c.snapshot(m)
	if _, err := c.areas(m, ref, d.Key, 0, id); !fault.Is(err, &types.FileFault{}) {
		t.Errorf("after a reset: %v", err)
	}
}

func TestTrackingBeginsAtTheFirstStun(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{Disks: []Disk{{Size: 1 << 20}}})
	c := dial(t, h)
	ref, s := c.snapshot(m)
	if _, id := firstDisk(s.Config.Hardware.Device); id != "" {
		t.Fatalf("changeId %q without tracking", id)
	}
	if err := c.remove(m, ref); err != nil {
		t.Fatal(err)
	}
	m.EnableCBT()
	var vm mo.VirtualMachine
	if err := m.Object().Properties(context.Background(), m.Ref(), []string{"config"}, &vm); err != nil {
		t.Fatal(err)
	}
	if _, id := firstDisk(vm.Config.Hardware.Device); id != "" || !*vm.Config.ChangeTrackingEnabled {
		t.Fatalf("changeId %q before a stun, enabled %v", id, *vm.Config.ChangeTrackingEnabled)
	}
	if _, s = c.snapshot(m); s.Config.Hardware.Device == nil {
		t.Fatal("no configuration")
	} else if _, id := firstDisk(s.Config.Hardware.Device); id == "" {
		t.Fatal("no changeId after the first stun")
	}
}

func TestRevertSetsNumbersBack(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{CBT: true, Disks: []Disk{{Size: 1 << 20, Content: noise(4, 1<<20)}}})
	first := m.Snapshot("first")
	frozen := m.Content("scsi0-0")
	m.Write("scsi0-0", 0, noise(5, 500000))
	c := dial(t, h)
	second, s := c.snapshot(m)
	_, id := firstDisk(s.Config.Hardware.Device)
	m.Revert(first)
	if !bytes.Equal(m.Content("scsi0-0"), frozen) {
		t.Fatal("reverted to something else")
	}
	m.Write("scsi0-0", 70000, noise(6, 10))
	_, s = c.snapshot(m)
	if _, again := firstDisk(s.Config.Hardware.Device); again != id {
		t.Fatalf("after a revert the number is %q, and was %q", again, id)
	}
	want := m.Content("scsi0-0")
	m.RemoveSnapshot(second)
	m.RemoveSnapshot(first)
	if !bytes.Equal(m.Content("scsi0-0"), want) {
		t.Fatal("removing snapshots changed the disk")
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	for _, esx := range []bool{false, true} {
		h := Start(t, Options{ESX: esx})
		m := h.Add(Spec{Disks: []Disk{{Size: 1 << 20}}})
		c := dial(t, h)
		name := m.Files()[0]
		if status, _, err := c.get(h, name, "bytes=0-9"); err != nil || status != 206 {
			t.Fatal(status, err)
		}
		h.ExpireSessions()
		if _, err := methods.GetCurrentTime(context.Background(), c.Client.Client); !fault.Is(err, &types.NotAuthenticated{}) {
			t.Errorf("a call: %v", err)
		}
		var vm mo.VirtualMachine
		err := property.DefaultCollector(c.Client.Client).RetrieveOne(context.Background(), m.Ref(), []string{"name"}, &vm)
		if !fault.Is(err, &types.NotAuthenticated{}) {
			t.Errorf("properties: %v", err)
		}
		if status, _, err := c.get(h, name, "bytes=0-9"); err != nil || status != 401 {
			t.Errorf("a read: %d %v", status, err)
		}
		if err := c.Login(context.Background(), url.UserPassword(h.User(), h.Password())); err != nil {
			t.Fatal(err)
		}
		if status, _, err := c.get(h, name, "bytes=0-9"); err != nil || status != 206 {
			t.Errorf("a read after login: %d %v", status, err)
		}
	}
}

func TestTicketsOfHosts(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{Disks: []Disk{{Size: 1 << 20, Content: noise(7, 1<<20)}}})
	c := dial(t, h)
	ctx := context.Background()
	var vm mo.VirtualMachine
	if err := property.DefaultCollector(c.Client.Client).RetrieveOne(ctx, m.Ref(), []string{"runtime.host", "datastore"}, &vm); err != nil {
		t.Fatal(err)
	}
	ds := object.NewDatastore(c.Client.Client, vm.Datastore[0])
	if err := ds.FindInventoryPath(ctx); err != nil {
		t.Fatal(err)
	}
	var p object.DatastorePath
	p.FromString(m.Files()[0])
	u, cookie, err := ds.ServiceTicket(ds.HostContext(ctx, object.NewHostSystem(c.Client.Client, *vm.Runtime.Host)), p.Path, "GET")
	if err != nil {
		t.Fatal(err)
	}
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	for _, want := range []int{206, 401} {
		r, _ := http.NewRequest("GET", u.String(), nil)
		r.AddCookie(cookie)
		r.Header.Set("Range", "bytes=512-1023")
		res, err := hc.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != want || want == 206 && !bytes.Equal(b, noise(7, 1<<20)[512:1024]) {
			t.Fatalf("status %d, want %d: %v", res.StatusCode, want, err)
		}
	}
	if h.Counts().ByHost != 1 {
		t.Errorf("%d reads at hosts", h.Counts().ByHost)
	}
}

func TestTroubles(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{Disks: []Disk{{Size: 1 << 20, Content: noise(8, 1<<20)}}})
	c := dial(t, h)
	name := m.Files()[0]
	for _, tr := range []Trouble{
		{Path: "/folder/", Suffix: "-flat.vmdk", Times: 1, Skip: 1, Status: 503},
		{Path: "/folder/", Times: 1, Cut: true, After: 100},
		{Path: "/folder/", Times: 1, Short: true, After: 10},
		{Path: "/folder/", Times: 1, Whole: true},
	} {
		h.Trouble(tr)
	}
	h.ResetCounts()
	var got []string
	for range 6 {
		status, b, err := c.get(h, name, "bytes=1000-1999")
		got = append(got, fmt.Sprintf("%d %d %v", status, len(b), err != nil))
	}
	want := []string{"206 100 true", "503 20 false", "206 990 false", "200 1048576 false", "206 1000 false", "206 1000 false"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("answers %q, want %q", got, want)
	}
	if n := h.Counts(); n.Requests != 6 || n.Reads != 5 || n.RoundTrips != 0 {
		t.Errorf("%+v", n)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{CBT: true, Disks: []Disk{{Size: 1 << 20}}})
	c := dial(t, h)
	ctx := context.Background()
	vm := object.NewVirtualMachine(c.Client.Client, m.Ref())
	h.Fail(Failure{Method: "CreateSnapshot_Task", Machine: m, Times: 1, Fault: &types.ApplicationQuiesceFault{}})
	task, err := vm.CreateSnapshot(ctx, "vbfs", "", false, true)
	if err != nil {
		t.Fatalf("the call and not the task: %v", err)
	}
	if err = task.Wait(ctx); !fault.Is(err, &types.ApplicationQuiesceFault{}) {
		t.Fatalf("the task: %v", err)
	}
	ref, s := c.snapshot(m)
	d, _ := firstDisk(s.Config.Hardware.Device)
	h.Fail(Failure{Method: "QueryChangedDiskAreas", Times: 1, Fault: &types.NotSupported{}})
	if _, err := c.areas(m, ref, d.Key, 0, "*"); !fault.Is(err, &types.NotSupported{}) {
		t.Fatalf("the call: %v", err)
	}
	h.Deny("VirtualMachine.State.RemoveSnapshot")
	if err := c.remove(m, ref); !fault.Is(err, &types.NoPermission{}) {
		t.Fatalf("without the privilege: %v", err)
	}
	h.Allow()
	if err := c.remove(m, ref); err != nil {
		t.Fatal(err)
	}
}
