package vsphere_test

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/vspheretest"
	"vbfs/testdata/vsim"
)

// values are by the machine's name.
func values(t *testing.T, c *vsphere.Conn, name string) (map[string]string, error) {
	t.Helper()
	all, err := c.Machines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byRef, err := c.Values(t.Context(), all, name)
	out := map[string]string{}
	for _, e := range all {
		if v, ok := byRef[e.Ref]; ok {
			out[e.Name] = v
		}
	}
	return out, err
}

func TestValues(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	one, two, three := h.Add(vsim.Spec{Name: "one"}), h.Add(vsim.Spec{Name: "two"}), h.Add(vsim.Spec{Name: "three"})
	h.Add(vsim.Spec{Name: "four"})
	c := vspheretest.Login(t, h)
	if got, err := values(t, c, "BCK_FVM"); !errors.Is(err, vsphere.ErrNoAttribute) || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	two.Tag("BCK_FVM", "7D")
	two.Tag("BCK_FVM", "12M")
	two.Tag("colour", "green")
	got, err := values(t, c, "BCK_FVM")
	if want := map[string]string{"two": "12M 7D"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	one.SetAttribute("BCK_FVM", "1D 1M")
	three.SetAttribute("BCK_FVM", "none")
	three.Tag("BCK_FVM", "7D")
	got, err = values(t, c, "BCK_FVM")
	if want := map[string]string{"one": "1D 1M", "two": "12M 7D", "three": "none 7D"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := values(t, c, "colour"); err != nil || !maps.Equal(got, map[string]string{"two": "green"}) {
		t.Errorf("%v, %v", got, err)
	}
	h.Trouble(vsim.Trouble{Path: "/rest", Status: 503})
	got, err = values(t, c, "BCK_FVM")
	if want := map[string]string{"one": "1D 1M", "three": "none"}; !errors.Is(err, vsphere.ErrTags) || !maps.Equal(got, want) {
		t.Errorf("without tags: %v, %v", got, err)
	}
	if got, err := values(t, c, "colour"); !errors.Is(err, vsphere.ErrTags) || len(got) != 0 {
		t.Errorf("without tags: %v, %v", got, err)
	}
	if got, err := c.Values(t.Context(), nil, "colour"); got != nil {
		t.Errorf("nothing is known, and that is %v, %v", got, err)
	}
}

func TestValuesOfSingleHost(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{ESX: true})
	h.Add(vsim.Spec{Name: "one"})
	if _, err := values(t, vspheretest.Login(t, h), "BCK_FVM"); !errors.Is(err, vsphere.ErrNoAttribute) {
		t.Errorf("%v", err)
	}
}

// However many machines there are, those that ask for something are found in a few round trips, from login on.
func TestValuesOfMany(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	m := h.Add(vsim.Spec{Name: "m"})
	m.SetAttribute("BCK_FVM", "1D")
	m.Tag("other", "x")
	m.Tag("BCK_FVM", "4W")
	m.Crowd(5000, func(i int, vm *simulator.VirtualMachine) {
		if i%10 == 0 {
			vm.CustomValue = []types.BaseCustomFieldValue{&types.CustomFieldStringValue{Value: "7D"}}
		}
	})
	h.ResetCounts()
	start := time.Now()
	c := vspheretest.Login(t, h)
	got, err := values(t, c, "BCK_FVM")
	if err != nil || len(got) != 501 || got["m"] != "1D 4W" || got["m-0011"] != "7D" || got["m-0012"] != "" {
		t.Fatalf("%d, %v", len(got), err)
	}
	n := h.Counts().RoundTrips
	t.Logf("%v, %d round trips", time.Since(start), n)
	if n > 20 {
		t.Errorf("%d round trips", n)
	}
}
