package vsphere_test

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/vsim"
)

// What cannot be made again is said now, and only that.
func TestForesee(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, vsim.Spec{Disks: []vsim.Disk{{Size: 1 << 20}}}, vsphere.Options{Transport: vsphere.HTTPS})
	warned := func() string { return strings.Join(l.capture(ingest.Full).Warnings, "\n") }
	if w := warned(); w != "" {
		t.Errorf("%q", w)
	}
	task, err := l.m.Object().Reconfigure(t.Context(), types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{
		&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: &types.VirtualTPM{VirtualDevice: types.VirtualDevice{Key: -5}}},
	}})
	if err == nil {
		err = task.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if w := warned(); !strings.Contains(w, "restored as a new machine: ") || !strings.Contains(w, "(VirtualTPM) is left out") {
		t.Errorf("%q", w)
	}
}
