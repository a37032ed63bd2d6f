package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vbfs/cmd/internal/clitest"
	"vbfs/index/format"
	vms "vbfs/testdata/lab"
	"vbfs/testdata/vsim"
)

// policyOf gives what the points of a lab record, by machine.
func policyOf(l *clitest.Lab) map[string]string {
	out := map[string]string{}
	for _, p := range l.Points() {
		out[p["machine"].(string)] = "none"
		for _, tag := range p["tags"].([]any) {
			if value, ok := strings.CutPrefix(tag.(string), policyTag); ok {
				out[p["machine"].(string)] = value
			}
		}
	}
	return out
}

// report reads one in JSON.
func (l *vcenter) report(file string) (r runReport) {
	l.T.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		l.T.Fatal(err)
	}
	return r
}

func results(r runReport) (out []string) {
	for _, m := range r.Machines {
		out = append(out, m.Machine+" "+m.Result)
	}
	slices.Sort(out)
	return out
}

// Machines are chosen by what their attribute or a tag asks for; what is misspelt is backed up and named; what became of each is in the
// report, and in the inventory.
func TestByAttribute(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	add := func(name, value string) *vsim.Machine {
		m := l.h.Add(vsim.Spec{Name: name, Folder: "f", Disks: []vsim.Disk{{Size: 1 << 20, Content: []byte(name)}}})
		if value != "" {
			m.SetAttribute("BCK_FVM", value)
		}
		return m
	}
	daily, gold := add("daily", "1D 1M 1Q 1Y"), add("gold", "Gold")
	tagged, odd := add("tagged", ""), add("odd", "dayly")
	add("off", "none")
	add("silent", "")
	tagged.Tag("BCK_FVM", "7D")
	tagged.Tag("BCK_FVM", "12M")
	file := l.Path("run.json")
	backup := l.account("backup", "vsphere:", "--by-attribute", "BCK_FVM", "--policy", "gold=3W,12M", "--transport", "https", "--report", file)
	r := l.Run("vbackup", append(backup, "--report", l.Path("run.html"), "--report", "-")...)
	if r.Code != 3 || !strings.Contains(r.Err, `odd: attribute BCK_FVM says "dayly"`) || !strings.Contains(r.Err, "###### Final status: All VMs backed up OK! ######") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if got := fmt.Sprint(policyOf(l.Lab)); got != fmt.Sprint(map[string]string{"daily": "1D 1M 1Q 1Y", "gold": "3W 12M", "odd": "yes", "tagged": "7D 12M"}) {
		t.Errorf("%s", got)
	}
	run := l.report(file)
	if got := results(run); !slices.Equal(got, []string{"daily ok", "gold ok", "odd warning", "tagged ok"}) || run.Machines[0].Path != "/DC0/vm/f/daily" || run.Status != "warning" {
		t.Errorf("%q %+v", got, run)
	}
	if !strings.Contains(r.Out, "4 machines: 3 ok, 1 with warnings") || !strings.Contains(string(l.Bytes(l.Path("run.html"))), "/DC0/vm/f/gold") {
		t.Errorf("%s", r.Out)
	}
	point := l.Points()[0]
	if got := daily.Attribute(resultAttribute); point["machine"] != "daily" || !strings.HasPrefix(got, "ok 20") || !strings.HasSuffix(got, " point "+point["name"].(string)+" full") {
		t.Errorf("%q", got)
	}
	if got := odd.Attribute(resultAttribute); !strings.HasPrefix(got, "warning 20") || !strings.Contains(got, "dayly") {
		t.Errorf("%q", got)
	}
	odd.SetAttribute("BCK_FVM", "1D")
	gold.PowerOff()              // it is captured all the same
	s := tagged.Snapshot("mine") // with which ranges cannot be read
	r = l.Run("vbackup", append(backup, "--result-attribute", "last result")...)
	if r.Code != 3 || !strings.Contains(r.Err, "###### Final status: ERROR: Only some of the VMs backed up! ######") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if got := tagged.Attribute("last result"); !strings.HasPrefix(got, "failed 20") || len(got) > maxResult {
		t.Errorf("%q", got)
	}
	if got := results(l.report(file)); !slices.Equal(got, []string{"daily ok", "gold ok", "odd ok", "tagged failed"}) {
		t.Errorf("%q", got)
	}
	tagged.RemoveSnapshot(s)
	l.OK("vbackup", "forget", "--by-policy")
	if got := names(l.Lab); len(got) != 4 { // none asks for two of a day
		t.Errorf("%q", got)
	}
}

// What is not allowed in the inventory is a warning that names the privilege, once; the backup is done.
func TestResultsAreRefused(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	for _, name := range []string{"one", "two"} {
		l.h.Add(vsim.Spec{Name: name, Disks: []vsim.Disk{{Size: 1 << 20}}}).SetAttribute("BCK_FVM", "1D")
	}
	backup := l.account("backup", "vsphere:", "--by-attribute", "BCK_FVM", "--transport", "https", "--report", l.Path("r.json"))
	for _, denied := range []string{"Global.ManageCustomFields", "Global.SetCustomField"} {
		l.h.Deny(denied)
		r := l.OK("vbackup", backup...)
		if strings.Count(r.Err, denied) != 1 || !strings.Contains(r.Err, "--result-attribute none") {
			t.Errorf("%s", r.Err)
		}
		if run := l.report(l.Path("r.json")); len(run.Warnings) != 1 || run.Status != "ok" {
			t.Errorf("%+v", run)
		}
		l.h.Allow()
	}
	if n := l.h.Counts().Calls["SetField"]; n != 1 {
		t.Errorf("tried %d times", n)
	}
	l.h.Deny("Global.ManageCustomFields", "Global.SetCustomField")
	if r := l.OK("vbackup", append(backup, "--result-attribute", "none")...); strings.Contains(r.Err, "warning") {
		t.Errorf("%s", r.Err)
	}
}

// What cannot be known of an inventory is said, and nobody is left out in silence.
func TestByAttributeErrors(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	m := l.h.Add(vsim.Spec{Name: "web01", Disks: []vsim.Disk{{Size: 1 << 20}}})
	file := l.Path("r.json")
	try := func(code int, says string, args ...string) {
		t.Helper()
		r := l.Run("vbackup", append(l.account("backup", "--transport", "https"), args...)...)
		if r.Code != code || !strings.Contains(r.Err, says) {
			t.Errorf("%q: exit code %d: %s", args, r.Code, r.Err)
		}
	}
	by := []string{"vsphere:", "--by-attribute", "BCK_FVM", "--report", file}
	try(10, "BCK_FVM", by...)
	if run := l.report(file); run.Status != "error" || !strings.Contains(run.Error, "BCK_FVM") || !strings.Contains(run.Final, "ERROR: No VMs") {
		t.Errorf("%+v", run)
	}
	m.SetAttribute("BCK_FVM", "none")
	try(10, "of 1 none asks for a backup", by...)
	m.SetAttribute("BCK_FVM", "1D")
	l.h.Trouble(vsim.Trouble{Path: "/rest", Status: 503})
	try(3, "machines that ask by a tag alone are left out", by...)
	if run := l.report(file); run.Status != "warning" || len(run.Warnings) != 1 || len(l.Points()) != 1 {
		t.Errorf("%+v", run)
	}
	l.h.NoTrouble()
	try(2, "for --by-attribute alone", "vsphere:", "--all", "--due")
	try(2, "for --by-attribute alone", "vsphere:", "--all", "--policy", "a=1D")
	try(2, "in no inventory", l.Path("x.raw"), "--by-attribute", "BCK_FVM")
	try(2, "not understood", "vsphere:", "--by-attribute", "BCK_FVM", "--policy", "gold=30X")
	try(2, "NAME=VALUE", "vsphere:", "--by-attribute", "BCK_FVM", "--policy", "30D")
	try(2, "--time-zone", "vsphere:", "--by-attribute", "BCK_FVM", "--time-zone", "Nowhere/Else")
	try(2, "overwrite", "vsphere:", "--by-attribute", "BCK_FVM", "--result-attribute", "BCK_FVM")
	try(2, "records", "vsphere:", "--by-attribute", "BCK_FVM", "--tag", "policy=1D")
	try(2, ".txt, .json or .html", "vsphere:", "--all", "--report", "x.pdf")
	try(2, "JSON lines alone", "vsphere:", "--all", "--json", "--report", "-")
	try(2, "dry run", "vsphere:", "--all", "--dry-run", "--report", file)
	if r := l.Run("vbackup", "backup", "libvirt:", "--by-attribute", "two words"); r.Code != 2 || !strings.Contains(r.Err, "no name for an attribute") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	dry := l.OK("vbackup", l.account("backup", "vsphere:", "--by-attribute", "BCK_FVM", "--dry-run", "--transport", "https")...)
	if !strings.Contains(dry.Out, "web01: would capture") || !strings.Contains(dry.Err, "###### Final status: OK, only a dryrun. ######") || m.Attribute(resultAttribute) == "" {
		t.Errorf("%s%s", dry.Out, dry.Err)
	}
	l.password("wrong")
	try(12, "wrong user name", by...)
	if run := l.report(file); !strings.Contains(run.Error, "wrong user name") {
		t.Errorf("%+v", run)
	}
}

// Only what is due is captured, by the points that there are, and no point of another machine of that name counts.
func TestDueAlone(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	m := l.h.Add(vsim.Spec{Name: "year", Disks: []vsim.Disk{{Size: 1 << 20}}})
	m.SetAttribute("BCK_FVM", "3Y")
	l.h.Add(vsim.Spec{Name: "each", Disks: []vsim.Disk{{Size: 1 << 20}}}).SetAttribute("BCK_FVM", "yes")
	take(t, l.Lab, "year", shot{at: "2020-01-01T00:00:00Z"}, shot{at: time.Now().Add(-time.Second).UTC().Format(time.RFC3339), edit: func(m *format.Manifest) {
		m.Hypervisor = []string{"vsphere-instance=another one's"}
	}})
	file := l.Path("r.json")
	backup := l.account("backup", "vsphere:", "--by-attribute", "BCK_FVM", "--due", "--time-zone", "Asia/Kathmandu", "--transport", "https", "--report", file)
	for i, want := range [][]string{{"each ok", "year ok"}, {"each ok", "year skipped"}} {
		r := l.OK("vbackup", backup...)
		if got := results(l.report(file)); !slices.Equal(got, want) {
			t.Errorf("run %d: %q: %s", i, got, r.Err)
		}
	}
	if got := m.Attribute(resultAttribute); !strings.HasPrefix(got, "ok ") {
		t.Errorf("%q", got) // of the first
	}
}

// A run that is interrupted says so in its report, of every machine that it did not come to.
func TestInterruptedReport(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	for _, name := range []string{"a", "b", "c"} {
		l.h.Add(vsim.Spec{Name: name, Disks: []vsim.Disk{{Size: 1 << 20}}}).SetAttribute("BCK_FVM", "1D")
	}
	l.h.Slow("CreateSnapshot_Task", 2*time.Second)
	l.h.Slow("CreateSnapshotEx_Task", 2*time.Second)
	file := l.Path("r.json")
	p := l.Start("vbackup", l.account("backup", "vsphere:", "--by-attribute", "BCK_FVM", "--machines-at-once", "1", "--transport", "https", "--report", file)...)
	clitest.Until(t, "a snapshot is being made", func() bool {
		calls := l.h.Counts().Calls
		return calls["CreateSnapshot_Task"]+calls["CreateSnapshotEx_Task"] > 0
	})
	r := p.End(syscall.SIGTERM)
	run := l.report(file)
	if r.Code != 130 || run.Error != "interrupted" || !slices.Equal(results(run), []string{"a failed", "b failed", "c failed"}) || run.Machines[1].Reason != "interrupted" ||
		!strings.Contains(run.Final, "ERROR") {
		t.Errorf("exit code %d: %+v: %s", r.Code, run, r.Err)
	}
}

// However many machines there are, those that ask are found in a few round trips.
func TestByAttributeOfMany(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	m := l.h.Add(vsim.Spec{Name: "m", Disks: []vsim.Disk{{Size: 1 << 20}}})
	m.SetAttribute("BCK_FVM", "3Y")
	take(t, l.Lab, "m", shot{at: time.Now().UTC().Format(time.RFC3339)})
	m.Crowd(5000, func(i int, vm *simulator.VirtualMachine) {
		value := "none"
		if i == 4711 {
			value = "1Y"
			take(t, l.Lab, vm.Name, shot{at: time.Now().UTC().Format(time.RFC3339)})
		}
		vm.CustomValue = []types.BaseCustomFieldValue{&types.CustomFieldStringValue{Value: value}}
	})
	l.h.ResetCounts()
	start := time.Now()
	r := l.OK("vbackup", l.account("backup", "vsphere:", "--by-attribute", "BCK_FVM", "--due")...)
	t.Logf("%v, %d round trips", time.Since(start), l.h.Counts().RoundTrips)
	if n := l.h.Counts().RoundTrips; n > 20 || strings.Count(r.Err, "not due") != 2 {
		t.Errorf("%d round trips: %s", n, r.Err)
	}
}

// A domain's metadata is the attribute of libvirt's machines, and the place of results.
func TestDomainsByAttribute(t *testing.T) {
	t.Parallel()
	h, l := vms.Start(t), clitest.NewPlain(t)
	for name, value := range map[string]string{"web 01": "7D & 4W", "db": "1Y", "off": "none", "silent": ""} {
		h.Domain(vms.Spec{Name: name, Disks: []vms.Disk{{Target: "vda", Content: []byte(name), Size: 1 << 20}}, Off: name == "db"})
		if value != "" {
			value = strings.ReplaceAll(value, "&", "&amp;")
			h.Virsh("metadata", name, policySpace, "--key", "vbfs", "--config", "--set", fmt.Sprintf(`<backup BCK_FVM="%s" other="x"/>`, value))
		}
	}
	backup := []string{"backup", "libvirt:", "--by-attribute", "BCK_FVM", "--connect", h.URI(), "--report", "-"}
	r := l.Run("vbackup", backup...)
	if r.Code != 3 || !strings.Contains(r.Err, `web 01: attribute BCK_FVM says "7D & 4W"`) || !strings.Contains(r.Out, "2 machines: 0 ok, 2 with warnings") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	if got := fmt.Sprint(policyOf(l)); got != "map[db:1Y web 01:yes]" {
		t.Errorf("%s", got)
	}
	for name, want := range map[string]string{"db": `vbfs-last-backup="warning 20`, "web 01": `vbfs-last-backup="warning 20`} {
		if got := h.Virsh("metadata", name, resultSpace, "--config"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	l.OK("vbackup", append(slices.Clone(backup), "--due", "--exclude-machine", "web*", "--result-attribute", "other")...)
	h.Virsh("metadata", "web 01", policySpace, "--key", "vbfs", "--config", "--set", `<backup BCK_FVM="7D"/>`)
	r = l.OK("vbackup", append(slices.Clone(backup), "--result-attribute", "second", "--due")...)
	if !strings.Contains(r.Out, "not due: it has a point of") {
		t.Errorf("%s", r.Out) // db, unless a year has begun meanwhile
	}
	r = l.OK("vbackup", append(slices.Clone(backup), "--result-attribute", "second")...)
	for name, want := range map[string]int{"db": 2, "web 01": 2, "silent": 0} {
		got, _ := h.TryVirsh("metadata", name, resultSpace, "--config")
		if strings.Count(got, `="`)+strings.Count(got, `='`)-strings.Count(got, "xmlns") != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if n := len(l.Points()); n != 4 {
		t.Errorf("%d points: %s", n, r.Out)
	}
	if r := l.Run("vbackup", "backup", "libvirt:", "--by-attribute", "nothing", "--connect", h.URI()); r.Code != 10 {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}
