package vsphere_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// A library that tells wrong what was ever written to is found out.
func TestOverLiedTo(t *testing.T) {
	t.Parallel()
	spec := overSpec(51)
	spec.Disks[0].Content = nil
	l := newOverLab(t, vsim.Options{}, spec)
	for _, delta := range []bool{false, true} {
		for off := range int64(6 << 20 / (1 << 10)) {
			l.m.Write("scsi0-0", off<<10, []byte("something"))
		}
		l.o.Delta = delta
		if err := l.vddk.Lie("x"); err != nil {
			t.Fatal(err)
		}
		l.must()
	}
}

// A thin disk stays thin: zeros are not written where nothing was.
func TestOverStaysThin(t *testing.T) {
	t.Parallel()
	l := newOverLab(t, vsim.Options{}, vsim.Spec{Name: "web 01", Disks: []vsim.Disk{{Size: 32 << 20, Content: overNoise(53, 1<<20)}}})
	l.must()
	if n := allocated(t, l.h.Path(l.m.Files()[0])); n > 3<<20 {
		t.Errorf("%d bytes are allocated", n)
	}
}

// What the firmware remembers comes back with the whole machine, and stays when the disks cannot be had, or one alone is.
func TestOverNVRAM(t *testing.T) {
	t.Parallel()
	for _, transport := range vsphere.Transports {
		spec := overSpec(55)
		spec.NVRAM = []byte("boot from the disk")
		l := newOverLab(t, vsim.Options{}, spec)
		l.o.Transport = transport
		l.putNVRAM("boot from the network, and longer")
		if _, err := l.over("scsi0-0"); err != nil {
			t.Fatal(err)
		}
		l.hasNVRAM("boot from the network, and longer")
		fault := vsim.Failure{Method: "ReconfigVM_Task", Machine: l.m, Skip: 2, Times: 1, Fault: &types.InvalidDeviceSpec{}}
		if transport == vsphere.VDDK {
			if err := l.vddk.FailOpen("not licensed"); err != nil {
				t.Fatal(err)
			}
		} else {
			l.h.Fail(fault)
		}
		l.unchanged(nil)
		l.hasNVRAM("boot from the network, and longer")
		l.h.NoTrouble()
		if err := l.vddk.FailOpen(""); err != nil {
			t.Fatal(err)
		}
		l.must()
		l.hasNVRAM("boot from the disk")
	}
}

func (l *overLab) putNVRAM(text string) {
	l.t.Helper()
	if err := os.WriteFile(l.h.Path(l.m.NVRAM()), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l *overLab) hasNVRAM(text string) {
	l.t.Helper()
	if got, err := os.ReadFile(l.h.Path(l.m.NVRAM())); err != nil || string(got) != text {
		l.t.Errorf("NVRAM: %q %v, not %q", got, err, text)
	}
}

// A new machine's disks come as streams, too.
func TestNewByStreams(t *testing.T) {
	t.Parallel()
	l := makeNewLab(t, overSpec(57))
	l.o.Transport, l.o.Name = vsphere.NFC, "again"
	r, err := vsphere.Begin(l.conn).New(t.Context(), l.machine(l.point), l.o)
	if err != nil {
		t.Fatal(err)
	}
	m := l.h.Machine("again")
	for name, want := range l.want {
		if !bytes.Equal(m.Content(name), want) {
			t.Errorf("disk %s is another", name)
		}
	}
	for _, d := range r.Disks {
		if !strings.Contains(d.Path, "/again-"+d.Name) || d.How != machine.Made {
			t.Errorf("%+v", d)
		}
	}
	if all, err := l.conn.Machines(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("%v %+v", err, all)
	}
}

// A machine that is powered on meanwhile is left alone.
func TestOverPoweredOnMeanwhile(t *testing.T) {
	t.Parallel()
	for _, transport := range vsphere.Transports {
		l := newOverLab(t, vsim.Options{}, overSpec(61))
		l.o.Transport = transport
		l.h.ResetCounts()
		l.h.Slow("ReconfigVM_Task", 300*time.Millisecond)
		on := make(chan struct{})
		go func() {
			defer close(on)
			for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				if l.h.Counts().Calls["ReconfigVM_Task"] > 0 {
					l.m.PowerOn()
					return
				}
			}
		}()
		l.unchanged(machine.ErrRuns, "poweredOn")
		<-on
		l.tidy()
	}
}

// What the account may not do is named.
func TestOverPrivileges(t *testing.T) {
	t.Parallel()
	l := streams(t, vsim.Options{}, overSpec(63))
	l.h.Deny("VApp.Import")
	l.unchanged(hyper.ErrPrivilege, "VApp.Import")
	l.h.Allow()
	l.o.Transport, l.o.VDDK.LibDir = vsphere.VDDK, t.TempDir()
	l.unchanged(hyper.ErrNoVDDK, l.o.VDDK.LibDir)
	l.o.Transport = ""
	r := l.must()
	if !strings.Contains(strings.Join(r.Notes, "\n"), hyper.ErrNoVDDK.Error()) {
		t.Errorf("%q", r.Notes)
	}
}
