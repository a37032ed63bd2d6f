package vsphere_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"

	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/vsim"
)

var privilege = regexp.MustCompile(`\b[A-Z][A-Za-z]+(\.[A-Z][A-Za-z]+)+\b`)

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// A page is one of the documentation's: sections by their titles.
type page map[string]string

func readPage(t *testing.T) page {
	t.Helper()
	text, err := os.ReadFile("../../docs/vsphere-privileges.md")
	if err != nil {
		t.Fatal(err)
	}
	p := page{}
	for _, s := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(s, "\n")
		p[title] = body
	}
	return p
}

// rows are a section's lines of a table, by their first cell; only those above the words until.
func (p page) rows(section, until string) map[string][]string {
	body := p[section]
	if until != "" {
		body, _, _ = strings.Cut(body, until)
	}
	rows := map[string][]string{}
	for _, line := range strings.Split(body, "\n") {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) < 3 || !strings.Contains(cells[2], "`") {
			continue
		}
		rows[strings.TrimPrefix(cells[0], "| ")] = privilege.FindAllString(cells[2], -1)
	}
	return rows
}

// role is what a section's command line makes a role of.
func (p page) role(section string) []string {
	_, command, _ := strings.Cut(p[section], "govc role.create ")
	command, _, _ = strings.Cut(command, "govc permissions.set")
	return sorted(privilege.FindAllString(command, -1))
}

// everyPrivilege is what an administrator has, but what every role has.
func everyPrivilege(t *testing.T, h *vsim.Host) (all []string) {
	t.Helper()
	var m mo.AuthorizationManager
	c := h.Client()
	if err := property.DefaultCollector(c).RetrieveOne(t.Context(), *c.ServiceContent.AuthorizationManager, []string{"roleList"}, &m); err != nil {
		t.Fatal(err)
	}
	for _, r := range m.RoleList {
		for _, p := range r.Privilege {
			if r.Name == "Admin" && !strings.HasPrefix(p, "System.") {
				all = append(all, p)
			}
		}
	}
	if len(all) < 100 {
		t.Fatalf("an administrator has %q", all)
	}
	return all
}

// The page of privileges lists what a backup asks for: an account that has none is told of exactly those.
func TestPrivilegesPage(t *testing.T) {
	t.Parallel()
	rows := readPage(t).rows("Back up", "These it does not ask for")
	const always, track = "every backup", "changed block tracking, where it is on or `--enable-cbt` is given"
	const enable = "`--enable-cbt`, where it is off"
	used := map[string]bool{}
	for _, c := range []struct {
		transport string
		on        bool // changed block tracking
		enable    bool
		rows      []string
	}{
		{vsphere.HTTPS, false, false, []string{always, "`--transport https`"}},
		{vsphere.HTTPS, true, true, []string{always, track, "`--transport https`"}},
		{vsphere.NFC, false, true, []string{always, track, enable, "`--transport nfc`"}},
		{vsphere.VDDK, false, false, []string{always, "`--transport vddk`"}},
	} {
		l := newLab(t, vsim.Options{}, vsim.Spec{CBT: c.on, Disks: []vsim.Disk{{Size: mib}}}, vsphere.Options{Transport: c.transport, EnableCBT: c.enable})
		if c.transport == vsphere.VDDK {
			l.o.VDDK = library(l.h)
		}
		l.h.Deny(everyPrivilege(t, l.h)...)
		_, err := l.run(ingest.Auto)
		if err == nil {
			t.Fatalf("%+v: a backup without privileges", c)
		}
		var want []string
		for _, r := range c.rows {
			used[r] = true
			want = append(want, rows[r]...)
		}
		_, list, _ := strings.Cut(err.Error(), l.h.User())
		if got := privilege.FindAllString(list, -1); !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("%+v: asked for %q, the page has %q: %v", c, got, want, err)
		}
	}
	for r := range rows {
		if !used[r] {
			t.Errorf("the page has a row that nothing asks for: %s", r)
		}
	}
}

// The page's roles are its tables, and there are such privileges.
func TestPrivilegesRoles(t *testing.T) {
	t.Parallel()
	known, p := everyPrivilege(t, vsim.Start(t, vsim.Options{})), readPage(t)
	for section, without := range map[string]string{"Back up": "hotadd", "Restore": "no row"} {
		var all []string
		for first, list := range p.rows(section, "") {
			if !strings.Contains(first, without) {
				all = append(all, list...)
			}
			for _, id := range list {
				if !slices.Contains(known, id) {
					t.Errorf("%s: there is no privilege %s", section, id)
				}
			}
		}
		if role := p.role(section); len(role) == 0 || !slices.Equal(role, sorted(all)) {
			t.Errorf("%s: the role is %q, the table is %q", section, role, sorted(all))
		}
	}
}
