package torture

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk forgets and prunes where not a byte is free: that makes room, and the next backup finds it.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	rnd, disk := dice(t, 0), smallDisk(t)
	f := newFarm(t, disk, tempDir(t, 4<<30), rnd, "--no-encryption")
	tell(t, "", f.dir)
	if !f.offers["prune"] || !f.offers["forget"] {
		return
	}
	m := f.machines[0] // what is forgotten is more than what is reserved
	for range 8 {
		check(t, m.write(m.noise, 0, 3*mib))
		check(t, f.backup(m))
	}
	_, err := f.calmly("prune") // which sees to the reserve
	check(t, err)
	check(t, fill(filepath.Join(disk, "ballast"), 0))
	before := free(t, disk)
	all := f.alive(m.name)
	check(t, f.forget(all[:len(all)-1], m.name, "--keep-last", "1"))
	for range 2 {
		_, err := f.calmly("prune", "--max-unused", "0")
		check(t, err)
	}
	if after := free(t, disk); after < before+mib {
		t.Errorf("%d bytes were free, and %d are now", before, after)
	}
	check(t, m.change())
	check(t, f.backup(m))
	check(t, f.inspect(rnd, f.dir, f.mark()))
	_, err = f.calmly("verify", "--read-data")
	check(t, err)
}

func free(t *testing.T, dir string) int64 {
	t.Helper()
	var st syscall.Statfs_t
	check(t, syscall.Statfs(dir, &st))
	return int64(st.Bavail) * st.Bsize
}
