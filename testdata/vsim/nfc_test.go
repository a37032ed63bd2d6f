package vsim

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/nfc"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// anyServer trusts the certificate of every host.
var anyServer = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}

// unpack reads a streamOptimized image into bytes.
func unpack(t *testing.T, packed []byte) []byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.vmdk"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, packed, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := qemuImg("convert", "-f", "vmdk", "-O", "raw", in, out); err != nil {
		t.Fatal(err)
	}
	p, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pack(t *testing.T, content []byte, subformat string) []byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out.vmdk")
	if err := os.WriteFile(in, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := qemuImg("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat="+subformat, in, out); err != nil {
		t.Fatal(err)
	}
	p, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (c *client) ready(l *nfc.Lease, items []types.OvfFileItem) *nfc.LeaseInfo {
	c.t.Helper()
	info, err := l.Wait(context.Background(), items)
	if err != nil {
		c.t.Fatal(err)
	}
	return info
}

func fetch(url string) (int, []byte, error) {
	res, err := anyServer.Get(url)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	p, err := io.ReadAll(res.Body)
	return res.StatusCode, p, err
}

func TestExports(t *testing.T) {
	t.Parallel()
	for _, esx := range []bool{false, true} {
		h := Start(t, Options{ESX: esx})
		m := h.Add(Spec{Disks: []Disk{{Size: 4 << 20, Content: noise(1, 1<<20)}, {Size: 1 << 20, Mode: "independent_persistent"}, {Size: 1 << 20}}})
		c, ctx := dial(t, h), context.Background()
		m.Snapshot("a user's")
		m.Write("scsi0-0", 2<<20, noise(2, 1<<20))
		ref, _ := c.snapshot(m)
		m.Write("scsi0-0", 0, noise(3, 4<<20))
		vm := object.NewVirtualMachine(c.Client.Client, m.Ref())
		if _, err := vm.Export(ctx); !fault.Is(err, &types.InvalidPowerState{}) {
			t.Fatalf("a running machine was exported: %v", err)
		}
		l, err := vm.ExportSnapshot(ctx, &ref)
		if err != nil {
			t.Fatal(err)
		}
		info := c.ready(l, nil)
		if len(info.Items) != 2 || info.TotalDiskCapacityInKB != 5<<10 || info.DeviceUrl[0].Key != "/"+m.Ref().Value+"/ParaVirtualSCSIController0:0" {
			t.Fatalf("%+v", info)
		}
		status, packed, err := fetch(info.Items[0].URL.String())
		if err != nil || status != 200 || !bytes.Equal(unpack(t, packed), m.Frozen("scsi0-0")) {
			t.Fatalf("exported something else: %d %v", status, err)
		}
		if h.Counts().NFC != int64(len(packed)) {
			t.Errorf("%d bytes counted, %d had", h.Counts().NFC, len(packed))
		}
		if err = l.Complete(ctx); err != nil {
			t.Fatal(err)
		}
		if status, _, err = fetch(info.Items[0].URL.String()); status != 404 {
			t.Errorf("after the end: %d %v", status, err)
		}
		m.await(m.Object().RemoveAllSnapshot(ctx, types.NewBool(true)))
		m.PowerOff()
		if l, err = vm.Export(ctx); err != nil {
			t.Fatal(err)
		}
		info = c.ready(l, nil)
		if _, packed, err = fetch(info.Items[0].URL.String()); err != nil || !bytes.Equal(unpack(t, packed), m.Content("scsi0-0")) {
			t.Fatalf("exported something else: %v", err)
		}
	}
}

func TestLeasesExpire(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{LeaseTimeout: 500 * time.Millisecond})
	m := h.Add(Spec{Off: true, Disks: []Disk{{Size: 1 << 20}}})
	c, ctx := dial(t, h), context.Background()
	l, err := object.NewVirtualMachine(c.Client.Client, m.Ref()).Export(ctx)
	if err != nil {
		t.Fatal(err)
	}
	info := c.ready(l, nil)
	for range 4 {
		time.Sleep(200 * time.Millisecond)
		if err = l.Progress(ctx, 1); err != nil {
			t.Fatalf("with progress told: %v", err)
		}
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		o, err := l.Properties(ctx)
		if err != nil || time.Now().After(end) {
			t.Fatalf("a lease of which nobody tells progress: %+v, %v", o, err)
		}
		if o.State == types.HttpNfcLeaseStateError {
			if !fault.Is(o.Error.Fault, &types.Timedout{}) {
				t.Errorf("%+v", o.Error)
			}
			break
		}
	}
	if err = l.Progress(ctx, 2); !fault.Is(err, &types.InvalidState{}) {
		t.Errorf("progress of a dead lease: %v", err)
	}
	if status, _, _ := fetch(info.Items[0].URL.String()); status != 404 {
		t.Errorf("a dead lease serves: %d", status)
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	c, ctx := dial(t, h), context.Background()
	spec := Spec{Name: "new", Datastore: "fast", Disks: []Disk{{Size: 2 << 20}, {Size: 1 << 20, On: "sata"}}}
	pool, err := h.Finder().ResourcePoolList(ctx, "*/Resources")
	if err != nil {
		t.Fatal(err)
	}
	start := func() (*nfc.Lease, *nfc.LeaseInfo) {
		config, err := spec.config()
		if err != nil {
			t.Fatal(err)
		}
		l, err := object.NewResourcePool(c.Client.Client, pool[0].Reference()).ImportVApp(ctx, &types.VirtualMachineImportSpec{ConfigSpec: *config}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l, c.ready(l, nil)
	}
	l, info := start()
	if len(info.DeviceUrl) != 2 || info.DeviceUrl[1].ImportKey != "/new/VirtualAHCIController0:0" {
		t.Fatalf("%+v", info.DeviceUrl)
	}
	want := append(noise(4, 1<<20), make([]byte, 1<<20)...)
	for i, up := range []struct {
		body []byte
		want int
	}{{pack(t, want, "monolithicSparse"), 500}, {pack(t, noise(1, 3<<20), "streamOptimized"), 500}, {[]byte("junk"), 500}, {pack(t, want, "streamOptimized"), 201}} {
		r, _ := http.NewRequest("POST", info.Items[0].URL.String(), bytes.NewReader(up.body))
		res, err := anyServer.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != up.want {
			t.Errorf("upload %d: %d, want %d", i, res.StatusCode, up.want)
		}
	}
	if manifest, err := l.GetManifest(ctx); err != nil || len(manifest) != 1 {
		t.Error(manifest, err)
	}
	if err = l.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	m := h.Machine("new")
	if got := m.Content(m.Disks()[0]); !bytes.Equal(got, want) {
		t.Error("imported something else")
	}
	spec.Name = "aborted"
	if l, _ = start(); l.Abort(ctx, nil) != nil {
		t.Fatal("abort")
	}
	if list, err := h.Finder().VirtualMachineList(ctx, "*"); err != nil || fmt.Sprint(len(list)) != "1" {
		t.Errorf("machines after an abort: %v %v", list, err)
	}
}
