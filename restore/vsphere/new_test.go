package vsphere_test

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"
)

// A machine that is gone comes back where it was, with its folder, and is what was recorded, but for what must differ.
func TestNewAsRecorded(t *testing.T) {
	t.Parallel()
	l := newRichLab(t, 41)
	was, order := l.config(l.m.Ref()), l.booted(l.m.Ref())
	nvram, err := os.ReadFile(l.h.Path(l.m.NVRAM()))
	if err != nil {
		t.Fatal(err)
	}
	l.lost()
	folder, err := l.h.Finder().Folder(context.Background(), "/DC0/vm/prod")
	if err == nil {
		_, err = folder.Destroy(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	m, r := l.make()
	is := l.config(m.Ref())
	for _, d := range differences(t, was, is, "device/*/deviceInfo/*", // labels are the server's
		"bootOptions/bootOrder/*/deviceKey", // as keys are; see below
		"device/VirtualTPM 0/*", "extraConfig/guestinfo.vmtools.versionNumber", "extraConfig/migrate.hostLog", "extraConfig/scsi0:0.ctkEnabled") {
		t.Error(d)
	}
	if m.Path() != "/DC0/vm/prod/db/db & <01>" || !slices.Equal(l.booted(m.Ref()), order) || len(order) != 4 || len(r.Short) > 0 {
		t.Errorf("%s, boots from %q, not %q, %q", m.Path(), l.booted(m.Ref()), order, r.Short)
	}
	if again, err := os.ReadFile(l.h.Path(m.NVRAM())); err != nil || !bytes.Equal(again, nvram) {
		t.Errorf("NVRAM of %d bytes is another: %v", len(nvram), err)
	}
	if m.Attribute("Owner") != "somebody & <others>" || m.Attribute("BCK_FVM") != "1D" || !slices.Equal(m.Tags(), []string{"gold"}) {
		t.Errorf("attributes %q, %q, tags %q", m.Attribute("Owner"), m.Attribute("BCK_FVM"), m.Tags())
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "VirtualTPM") {
		t.Errorf("%q", r.Notes)
	}
}
