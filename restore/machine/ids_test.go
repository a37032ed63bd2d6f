package machine

import "testing"

func TestFreshIDs(t *testing.T) {
	for _, c := range []struct {
		ids   IDs
		name  string
		taken bool
		fresh bool
		fails bool
	}{
		{AutoIDs, "web01", false, false, false}, {AutoIDs, "web01", true, true, false}, {AutoIDs, "web02", false, true, false},
		{KeepIDs, "web02", false, false, false}, {KeepIDs, "web02", true, false, true},
		{NewIDs, "web01", false, true, false}, {NewIDs, "web01", true, true, false},
	} {
		fresh, err := c.ids.Fresh(c.name, "web01", c.taken)
		if fresh != c.fresh && err == nil || (err != nil) != c.fails {
			t.Errorf("%+v: %v, %v", c, fresh, err)
		}
	}
}
