package libvirt

import (
	"testing"
	"time"
)

// Checkpoints of one second are in the order in which they were made, and so they are when the clock went back.
func TestByAge(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	all := []Checkpoint{{Name: "d", Parent: "c", Created: at.Add(-time.Hour)}, {Name: "c", Parent: "b", Created: at}, {Name: "b", Parent: "a", Created: at}, {Name: "a", Created: at}}
	byAge(all)
	for i, want := range []string{"a", "b", "c", "d"} {
		if all[i].Name != want {
			t.Errorf("%d: %s", i, all[i].Name)
		}
	}
	circle := []Checkpoint{{Name: "x", Parent: "y"}, {Name: "y", Parent: "x"}}
	byAge(circle) // it ends
}
