package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"vbfs/testdata/vsim"
)

func (l *vcenter) list(name, text string) string {
	l.T.Helper()
	if err := os.WriteFile(l.Path(name), []byte(text), 0o600); err != nil {
		l.T.Fatal(err)
	}
	return l.Path(name)
}

// planned gives the machines that a dry run would capture, and how it ends.
func (l *vcenter) planned(args ...string) (names []string, code int, stderr string) {
	l.T.Helper()
	r := l.Run("vbackup", l.account(append([]string{"backup", "--dry-run", "--json", "--transport", "https"}, args...)...)...)
	for _, line := range l.Lines(r.Out) {
		if line["type"] == "plan" {
			names = append(names, line["machine"].(string))
		}
	}
	return names, r.Code, r.Err
}

// Machines are chosen by path, pattern, folder, name, UUID, tag and list, each once, but for those that are left out.
func TestChoice(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	disk := []vsim.Disk{{Size: 1 << 20}}
	web := l.h.Add(vsim.Spec{Name: "web 01 [x]", Folder: "web", Disks: disk})
	two := l.h.Add(vsim.Spec{Name: "web02", Folder: "web", Disks: disk})
	db := l.h.Add(vsim.Spec{Name: "db", Disks: disk})
	web.Tag("backup", "daily")
	db.Tag("backup", "daily")
	two.Tag("team", "daily")
	two.Tag("team", "a/b")
	vms := l.list("vms_to_backup", "\ufeff# what ghettoVCB had\r\n\r\n  web 01 [x] \r\ndb\n#web02\n/DC0/vm/web/web 01 [x]\n")
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"vsphere:/DC0/vm/web/web 01 [x]"}, []string{"web 01 [x]"}},
		{[]string{"vsphere:/DC0/vm/web/*"}, []string{"web 01 [x]", "web02"}},
		{[]string{"vsphere:/DC0/vm/web", "vsphere:web*"}, []string{"web 01 [x]", "web02"}},
		{[]string{"vsphere:web 01 [x]"}, []string{"web 01 [x]"}},
		{[]string{"vsphere:" + strings.ToUpper(two.InstanceUUID()), "vsphere:db"}, []string{"web02", "db"}},
		{[]string{"vsphere:tag:backup/daily"}, []string{"db", "web 01 [x]"}},
		{[]string{"vsphere:tag:a/b"}, []string{"web02"}},
		{[]string{"vsphere:", "--all", "--exclude-machine", "web*"}, []string{"db"}},
		{[]string{"vsphere:", "--all", "--exclude-machine", "tag:team/daily", "--exclude-machine", "nobody"}, []string{"db", "web 01 [x]"}},
		{[]string{"vsphere:", "--list", vms}, []string{"web 01 [x]", "db"}},
		{[]string{"vsphere:", "--list", vms, "--list", l.list("more", "tag:a/b\n"), "--exclude-machine", "db"}, []string{"web 01 [x]", "web02"}},
	} {
		if got, code, said := l.planned(c.args...); !slices.Equal(got, c.want) || code != 0 {
			t.Errorf("%q: %q, exit code %d: %s", c.args, got, code, said)
		}
	}
	l.OK("vbackup", l.account("backup", "vsphere:"+web.InstanceUUID(), "vsphere:tag:a/b", "--transport", "https")...)
	l.same(web, "web 01 [x]")
	l.same(two, "web02")
}

// What a list names in vain fails alone, by its line; what is wrong with a list, or with an argument, is said before anything is done.
func TestChoiceErrors(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	disk := []vsim.Disk{{Size: 1 << 20}}
	l.h.Add(vsim.Spec{Name: "web01", Folder: "a", Disks: disk}).Tag("one", "x")
	l.h.Add(vsim.Spec{Name: "web02", Folder: "a", Disks: disk}).Tag("two", "x")
	l.h.Add(vsim.Spec{Name: "twin", Folder: "a", Disks: disk})
	twin := l.h.Add(vsim.Spec{Name: "twin", Folder: "b", Disks: disk, Datastore: "slow disks 7%"})
	vms := l.list("vms", "web01\n\nnobody\nweb0[\ntag:none\nweb02\n")
	r := l.Run("vbackup", l.account("backup", "vsphere:", "--list", vms, "--transport", "https")...)
	for _, says := range []string{"vms:3: no such machine: nobody", "vms:4: ", "vms:5: tag none: no such tag", "vbackup vsphere ls"} {
		if !strings.Contains(r.Err, says) {
			t.Errorf("no %q in %s", says, r.Err)
		}
	}
	if r.Code != 3 || len(l.Points()) != 2 {
		t.Errorf("exit code %d, %d points", r.Code, len(l.Points()))
	}
	if r := l.Run("vbackup", l.account("backup", "vsphere:", "--list", l.list("vain", "nobody\n"))...); r.Code != 10 {
		t.Errorf("all in vain: exit code %d: %s", r.Code, r.Err)
	}
	r = l.Run("vbackup", l.account("backup", "vsphere:", "--all", "--transport", "https", "--json")...)
	lines := l.Lines(r.Out)
	if failed := fmt.Sprint(lines[len(lines)-1]["failed"]); r.Code != 3 || failed != "[twin twin]" || !strings.Contains(r.Err, "/DC0/vm/a/twin and /DC0/vm/b/twin") {
		t.Errorf("twins: exit code %d, failed %s: %s", r.Code, failed, r.Err)
	}
	l.OK("vbackup", l.account("backup", "vsphere:/DC0/vm/b/twin", "--transport", "https", "--machine", "twin b")...)
	l.same(twin, "twin b")
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{10, "no such machine", []string{"vsphere:nobody"}},
		{10, "no such tag", []string{"vsphere:tag:none"}},
		{1, "CATEGORY/NAME", []string{"vsphere:tag:x"}},
		{2, "no such file", []string{"vsphere:", "--list", l.Path("none")}},
		{2, "names no machine", []string{"vsphere:", "--list", l.list("empty", "# nothing\n")}},
		{2, "not UTF-8", []string{"vsphere:", "--list", l.list("latin", "db\nb\xfccher\n")}},
		{2, "--list", []string{"vsphere:web01", "--list", vms}},
		{2, "not of both", []string{"vsphere:", "libvirt:", "--list", vms}},
		{2, "leaves no machine", []string{"vsphere:web01", "--exclude-machine", "web*"}},
		{2, "--exclude-machine", []string{"vsphere:", "--all", "--exclude-machine", "web0["}},
		{2, "--machines-at-once", []string{"vsphere:web01", "--machines-at-once", "-1"}},
	} {
		if r := l.Run("vbackup", l.account(append([]string{"backup"}, c.args...)...)...); r.Code != c.code || !strings.Contains(r.Err, c.says) {
			t.Errorf("%q: exit code %d: %s", c.args, r.Code, r.Err)
		}
	}
	for _, c := range [][]string{{"x.raw", "--list", vms}, {"x.raw", "--exclude-machine", "x"}, {"x.raw", "--per-host", "1"}} {
		if r := l.Run("vbackup", append([]string{"backup"}, c...)...); r.Code != 2 {
			t.Errorf("%q: exit code %d: %s", c, r.Code, r.Err)
		}
	}
}

// The server may be named by the environment, and known by an authority's certificate.
func TestServerChoice(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	l.h.Add(vsim.Spec{Name: "web01"})
	ls := func(code int, says string, args ...string) {
		t.Helper()
		if r := l.Run("vbackup", append([]string{"vsphere", "ls"}, args...)...); r.Code != code || !strings.Contains(r.Out+r.Err, says) {
			t.Errorf("%q: exit code %d: %s%s", args, r.Code, r.Out, r.Err)
		}
	}
	ls(2, "VBACKUP_SERVER")
	l.Env = append(l.Env, "VBACKUP_SERVER="+l.h.URL().Host)
	ls(2, "VBACKUP_SERVER_USER")
	l.Env = append(l.Env, "VBACKUP_SERVER_USER="+l.h.User())
	ls(1, "--cacert")
	ls(0, "/DC0/vm/web01", "--cacert", l.h.CAFile())
	ls(0, "/DC0/vm/web01", "--thumbprint", l.h.Thumbprint())
	ls(12, "wrong user name", "--cacert", l.h.CAFile(), "--user", "somebody else")
	ls(2, "no such file", "--cacert", l.Path("none.pem"))
	ls(2, "no certificate", "--cacert", l.list("odd.pem", "-----BEGIN NOTHING-----\n"))
	ls(2, "--thumbprint", "--cacert", l.h.CAFile(), "--thumbprint", l.h.Thumbprint())
	ls(2, "--insecure", "--cacert", l.h.CAFile(), "--insecure")
	before := l.h.CAFile()
	l.h.NewCertificate()
	ls(1, "not trusted", "--cacert", before)
	l.OK("vbackup", "backup", l.Disk("x.raw", 1)) // which the variables are not about
}
