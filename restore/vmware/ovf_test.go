package vmware_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/vapi/library"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vbfs/restore/vmware"
	"vbfs/testdata/vsim"
)

// TestOVF restores a machine as an OVF, has VMware's own client import it into a vCenter, and compares.
func TestOVF(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	s := newSource(t, h, "web (1) ü")
	dir := t.TempDir()
	r, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir, Format: "streamOptimized", Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "web (1) ü")
	holds(t, at, "web__1___-disk1.vmdk", "web__1___-disk2.vmdk", "web__1___.mf", "web__1___.nvram", "web__1___.ovf")
	reads(t, filepath.Join(at, "web__1___-disk1.vmdk"), s.want["scsi0-0"])
	reads(t, filepath.Join(at, "web__1___-disk2.vmdk"), s.want["scsi0-1"])
	if r.UUID != "" || len(r.Disks) != 2 {
		t.Errorf("%+v", r)
	}
	manifest(t, at, "web__1___.mf")
	described(t, filepath.Join(at, "web__1___.ovf"))

	got := h.Machine(imported(t, h, filepath.Join(at, "web__1___.ovf")))
	for disk, want := range s.want {
		if !bytes.Equal(got.Content(disk), want) {
			t.Errorf("the imported disk %s is not what the point has", disk)
		}
	}
	var o mo.VirtualMachine
	if err := got.Object().Properties(t.Context(), got.Ref(), []string{"config"}, &o); err != nil {
		t.Fatal(err)
	}
	devices := object.VirtualDeviceList(o.Config.Hardware.Device)
	if n := len(devices.SelectByType((*types.ParaVirtualSCSIController)(nil))); n != 1 {
		t.Errorf("%d controllers", n)
	}
}

// imported imports an OVF as VMware's own client does, and gives the machine's name.
func imported(t *testing.T, h *vsim.Host, path string) string {
	t.Helper()
	ctx, name := t.Context(), "imported"
	pools, err := h.Finder().ResourcePoolList(ctx, "*/Resources")
	if err != nil {
		t.Fatal(err)
	}
	folders, err := h.Finder().FolderList(ctx, "/DC0/vm")
	if err != nil {
		t.Fatal(err)
	}
	stores, err := h.Finder().DatastoreList(ctx, "*")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := ovf.NewManager(h.Client()).CreateImportSpec(ctx, string(read(t, path)), pools[0], stores[0], &types.OvfCreateImportSpecParams{EntityName: name})
	if err != nil || spec.Error != nil {
		t.Fatalf("%v, %+v", err, spec)
	}
	lease, err := pools[0].ImportVApp(ctx, spec.ImportSpec, folders[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := lease.Wait(ctx, spec.FileItem)
	if err != nil || len(info.Items) != 2 {
		t.Fatalf("%v, %+v", err, info)
	}
	u := lease.StartUpdater(ctx, info)
	defer u.Done()
	for _, item := range info.Items {
		f, err := os.Open(filepath.Join(filepath.Dir(path), item.Path))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := lease.Upload(ctx, item, f, soap.Upload{ContentLength: item.Size}); err != nil {
			t.Fatal(err)
		}
	}
	if err := lease.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	return name
}

// manifest holds the sums against the files.
func manifest(t *testing.T, dir, name string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sums, err := library.ReadManifest(f)
	if err != nil || len(sums) != len(files(t, dir))-1 {
		t.Fatalf("%v, %v", sums, err)
	}
	for file, sum := range sums {
		if want := fmt.Sprintf("%x", sha256.Sum256(read(t, filepath.Join(dir, file)))); sum.Algorithm != "SHA256" || sum.Checksum != want {
			t.Errorf("%s: %+v, not %s", file, sum, want)
		}
	}
}

// described reads the envelope as others do.
func described(t *testing.T, path string) {
	t.Helper()
	text := read(t, path)
	e, err := ovf.Unmarshal(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	v := e.VirtualSystem
	switch {
	case *v.Name != "web (1) ü" || v.Annotation.Annotation != "kept <for> \"years\"":
		t.Errorf("%+v", v)
	case len(e.References) != 3 || len(e.Disk.Disks) != 2 || e.Disk.Disks[1].Capacity != fmt.Sprint(3<<20+512*8):
		t.Errorf("%+v, %+v", e.References, e.Disk)
	case !strings.HasPrefix(*v.VirtualHardware[0].System.VirtualSystemType, "vmx-"):
		t.Errorf("%+v", v.VirtualHardware[0].System)
	}
	for _, f := range e.References {
		if info, err := os.Stat(filepath.Join(filepath.Dir(path), f.Href)); err != nil || info.Size() != int64(f.Size) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	spec, err := e.ToConfigSpec()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if spec.Firmware != "efi" || spec.NumCPUs < 1 || spec.MemoryMB < 1 {
		t.Errorf("%+v", spec)
	}
}
