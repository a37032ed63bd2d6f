package vsphere_test

import (
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// Without VMware's library disks come as streams; the machine is the same.
func TestNewStreams(t *testing.T) {
	t.Parallel()
	l := newRichLab(t, 91)
	was := l.config(l.m.Ref())
	l.lost()
	l.o.Transport = vsphere.NFC
	m, r := l.make()
	for _, d := range differences(t, was, l.config(m.Ref()), "device/*/deviceInfo/*", "bootOptions/bootOrder/*/deviceKey", "device/VirtualTPM 0/*",
		"extraConfig/guestinfo.vmtools.versionNumber", "extraConfig/migrate.hostLog", "extraConfig/scsi0:0.ctkEnabled",
		"device/disk */backing/fileName") { // files are named by the one who imports
		t.Error(d)
	}
	if len(l.booted(m.Ref())) != 4 || len(r.Short) > 0 {
		t.Errorf("%q, %+v", l.booted(m.Ref()), r)
	}
	for _, f := range l.left() {
		if strings.Contains(f, "vbfs-") {
			t.Errorf("left: %s", f)
		}
	}
}

// A stream that fails leaves neither the machine, nor the throw-away one, nor disks of no machine.
func TestNewStreamsFails(t *testing.T) {
	t.Parallel()
	l := small(t, 92)
	l.o.Transport, l.o.RetryPause = vsphere.NFC, time.Millisecond
	for method, times := range map[string]int{"ImportVApp": 2, "ReconfigVM_Task": 3, "MoveVirtualDisk_Task": 2} {
		l.each(method, times, func(i int) {
			l.h.Fail(vsim.Failure{Method: method, Skip: i, Times: 1, Fault: &types.SystemError{Reason: "out of luck"}})
		})
	}
	l.each("refused stream", 2, func(i int) { l.h.Trouble(vsim.Trouble{Path: "/nfc/", Skip: i, Status: 403}) })
}
