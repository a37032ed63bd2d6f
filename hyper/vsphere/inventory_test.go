package vsphere_test

import (
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"

	"vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/vspheretest"
	"vbfs/testdata/vsim"
)

func paths(all []vsphere.Entry) (out []string) {
	for _, e := range all {
		out = append(out, e.Path)
	}
	return out
}

// Machines are found by what people call them, wherever they stand.
func TestFind(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	for _, s := range []vsim.Spec{{Name: "db"}, {Name: "web 01 [x]", Folder: "web/prod"}, {Name: "web02", Folder: "web/prod"}, {Name: "web02", Folder: "web/test", CBT: true}} {
		h.Add(s)
	}
	c := vspheretest.Login(t, h)
	all, err := c.Machines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, a, b, d := "/DC0/vm/db", "/DC0/vm/web/prod/web 01 [x]", "/DC0/vm/web/prod/web02", "/DC0/vm/web/test/web02"
	if got := paths(all); !slices.Equal(got, []string{db, a, b, d}) {
		t.Fatalf("%q", got)
	}
	if !slices.Equal(all[0].Datastores, []string{"fast"}) {
		t.Errorf("datastores %q", all[0].Datastores)
	}
	if all[0].UUID == "" || all[0].Power != "poweredOn" || all[0].Host == "" || all[0].Tracking || !all[3].Tracking {
		t.Errorf("%+v", all)
	}
	for pattern, want := range map[string][]string{
		db: {db}, "DC0/vm/db/": {db}, all[0].UUID: {db}, a: {a}, "/DC0/vm/web/*/web02": {b, d}, "/DC0/vm/web": {a, b, d}, "/": {db, a, b, d},
		"web02": {b, d}, "w*": {a, b, d}, "/*/vm/*": {db}, "/DC0/vm/web/prod/": {a, b}, "nobody": nil, "/DC0/vm/nobody": nil, "/DC0/vm/web/pro": nil,
	} {
		got, err := vsphere.Find(all, pattern)
		if !slices.Equal(paths(got), want) || (want == nil) != errors.Is(err, vsphere.ErrNoMachine) {
			t.Errorf("%s: %q, %v", pattern, paths(got), err)
		}
	}
	if _, err := vsphere.FindOne(all, "web02"); !errors.Is(err, vsphere.ErrAmbiguous) {
		t.Errorf("%v", err)
	}
	if _, err := vsphere.Find(all, "[a"); err == nil {
		t.Error("a pattern that is none")
	}
}

// Names are taken as they are before they are patterns, and as people see them.
func TestFindOddNames(t *testing.T) {
	t.Parallel()
	var all []vsphere.Entry
	for _, name := range []string{"web[1]", "web1", "a*", "ab", "50%25 %2f half", "DC", "[open", "tmpl"} {
		all = append(all, vsphere.Entry{Name: name, Path: "/DC/vm/" + name, Template: name == "tmpl"})
	}
	for pattern, want := range map[string]string{
		"web[1]": "web[1]", "/DC/vm/web[1]": "web[1]", "web[12]": "web1", "a*": "a*", "50% / half": "50%25 %2f half", "50%25 %2f half": "50%25 %2f half",
		"DC": "DC", "[open": "[open", "tmpl": "tmpl", "/DC/vm/tmpl": "tmpl",
	} {
		if got, err := vsphere.FindOne(all, pattern); err != nil || got.Name != want {
			t.Errorf("%s: %s, %v", pattern, got.Name, err)
		}
	}
	if got, err := vsphere.Find(all, "/DC"); err != nil || len(got) != 7 {
		t.Errorf("%q, %v", paths(got), err)
	}
}

func TestTagsAndAttributes(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	one, two := h.Add(vsim.Spec{Name: "one"}), h.Add(vsim.Spec{Name: "two"})
	fields, err := object.GetCustomFieldsManager(h.Client())
	if err != nil {
		t.Fatal(err)
	}
	f, err := fields.Add(t.Context(), "BCK_FVM", "VirtualMachine", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := fields.Set(t.Context(), one.Ref(), f.Key, "1D"); err != nil {
		t.Fatal(err)
	}
	r := rest.NewClient(h.Client())
	if err := r.Login(t.Context(), url.UserPassword(h.User(), h.Password())); err != nil {
		t.Fatal(err)
	}
	m := tags.NewManager(r)
	category, err := m.CreateCategory(t.Context(), &tags.Category{Name: "backup", Cardinality: "SINGLE"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := m.CreateTag(t.Context(), &tags.Tag{Name: "daily", CategoryID: category})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.AttachTag(t.Context(), id, two.Ref()); err != nil {
		t.Fatal(err)
	}
	c := vspheretest.Login(t, h)
	all, err := c.Machines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if got := e.Attributes["BCK_FVM"]; (got == "1D") != (e.Ref == one.Ref()) || got != "" && got != "1D" {
			t.Errorf("%s: %q", e.Path, got)
		}
	}
	if got, err := c.Tagged(t.Context(), all, "daily"); err != nil || len(got) != 1 || got[0].Ref != two.Ref() {
		t.Errorf("%q, %v", paths(got), err)
	}
	for tag, is := range map[string]error{"no such tag": vsphere.ErrNoTag, "other/daily": vsphere.ErrNoTag} {
		if _, err := c.Tagged(t.Context(), all, tag); !errors.Is(err, is) {
			t.Errorf("%s: %v", tag, err)
		}
	}
	one.Tag("team", "daily")
	one.Tag("team", "a/b")
	two.Tag("team", "nobody's")
	if _, err := c.Tagged(t.Context(), all, "daily"); !errors.Is(err, vsphere.ErrAmbiguousTag) {
		t.Errorf("a tag of two categories: %v", err)
	}
	for tag, want := range map[string]vsphere.Ref{"backup/daily": two.Ref(), "team/daily": one.Ref(), "a/b": one.Ref(), "team/a/b": one.Ref(), id: two.Ref()} {
		if got, err := c.Tagged(t.Context(), all, tag); err != nil || len(got) != 1 || got[0].Ref != want {
			t.Errorf("%s: %q, %v", tag, paths(got), err)
		}
	}
	if _, err := c.Tagged(t.Context(), all[:1], "nobody's"); !errors.Is(err, vsphere.ErrNoMachine) {
		t.Errorf("a tag that none has: %v", err)
	}
	if got, err := c.Tags(t.Context(), two.Ref()); err != nil || len(got) != 2 || !slices.ContainsFunc(got, func(t vsphere.Tag) bool { return t.Name == "daily" }) {
		t.Errorf("%+v, %v", got, err)
	}
}

// However many machines there are, listing them is a handful of round trips.
func TestManyMachines(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	h.Add(vsim.Spec{Name: "m"}).Crowd(5000, nil)
	c := vspheretest.Login(t, h)
	h.ResetCounts()
	start := time.Now()
	all, err := c.Machines(t.Context())
	if err != nil || len(all) != 5001 || all[4711].Name != "m-4711" {
		t.Fatalf("%d machines, %v", len(all), err)
	}
	n := h.Counts().RoundTrips
	t.Logf("%v, %d round trips", time.Since(start), n)
	if n > 20 {
		t.Errorf("%d round trips", n)
	}
}
