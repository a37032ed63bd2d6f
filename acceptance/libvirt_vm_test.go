package acceptance

import (
	"encoding/json"
	"strings"
	"testing"

	"vbfs/index/report"
	"vbfs/testdata/lab"
)

// A vm is a machine under libvirt that is captured by the program, and whose disks are known.
type vm struct {
	*lab.Domain
	r    *repository
	last map[string]*disk // as they were known last: what has not changed since is in memory once
	past []*moment
	args []string // of each capture
}

func newVM(t *testing.T, h *lab.Host, s lab.Spec, args ...string) *vm {
	t.Helper()
	v := &vm{Domain: h.Domain(s), r: initialize(t, "--no-encryption"), last: map[string]*disk{}}
	v.r.env = append(v.r.env, "VBACKUP_STATE_DIR="+t.TempDir())
	v.args = append([]string{"backup", "--json", "--connect", h.URI()}, args...)
	return v
}

// know takes over what disks hold.
func (v *vm) know(targets []string) map[string]*disk {
	all := map[string]*disk{}
	for target, b := range v.Contents(targets...) {
		all[target] = diskOf(b, v.last[target])
		v.last[target] = all[target]
	}
	return all
}

// backup captures, which has to succeed.
func (v *vm) backup(t *testing.T, args ...string) report.Point {
	t.Helper()
	return pointIn(t, v.r.ok(t, v.command(args...)...))
}

func (v *vm) command(args ...string) []string {
	return append(append(append([]string{}, v.args...), args...), "libvirt:"+v.Name)
}

// pointIn finds the point among what a backup printed.
func pointIn(t *testing.T, out string) (p report.Point) {
	t.Helper()
	for line := range strings.Lines(out) {
		if strings.Contains(line, `"type":"point"`) {
			check(t, json.Unmarshal([]byte(line), &p))
			return p
		}
	}
	t.Fatalf("no point in %s", out)
	return p
}

// rest has a guest write all that it kept in memory to where it belongs, and nothing afterwards. What a freeze changes then is
// the superblock alone.
func (v *vm) rest() {
	if v.State() == "running" {
		v.Run("sync; for i in /mnt/*; do fsfreeze --freeze $i; fsfreeze --unfreeze $i; done")
	}
}

// quiet captures while nobody writes: what the disks hold before and afterwards is what they held then.
func (v *vm) quiet(t *testing.T, targets []string, args ...string) *moment {
	t.Helper()
	v.rest()
	disks := v.know(targets)
	m := &moment{Point: v.backup(t, args...), disks: disks}
	for target, after := range v.know(targets) {
		if m.frozen(target) {
			after = after.copy()
			after.write(disks[target].bytes(superblock, superblockSize), superblock)
		}
		if !after.equal(disks[target]) {
			t.Fatalf("%s of %s was written to although nobody did", target, v.Name)
		}
	}
	return v.keep(m)
}

// held has the machine stand still for the instant that libvirt takes for its backup to begin, and go on writing while it is
// read.
func (v *vm) held(t *testing.T, targets []string, args ...string) *moment {
	t.Helper()
	v.Virsh("suspend")
	disks := v.know(targets)
	s := serverOf(t, v.r.command("vbackup", v.command(args...)...))
	eventually(t, "a backup job begins, or has ended already", func() bool { return ended(s) || v.job() })
	v.Virsh("resume")
	<-s.ended
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("%q: exit code %d: %s", s.cmd.Args, code, s.said.String())
	}
	return v.keep(&moment{Point: pointIn(t, s.said.String()), disks: disks})
}

func (v *vm) keep(m *moment) *moment {
	v.past = append(v.past, m)
	return m
}

// job tells whether a backup is under way.
func (v *vm) job() bool {
	_, err := v.Host.TryVirsh("backup-dumpxml", v.Name)
	return err == nil
}

func ended(s *server) bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// marks gives the names of the machine's checkpoints.
func (v *vm) marks() []string { return strings.Fields(v.Virsh("checkpoint-list", "--name")) }

// intact proves that every point is what the machine was at its instant.
func (v *vm) intact(t *testing.T) {
	t.Helper()
	if points := v.r.points(t); len(points) != len(v.past) {
		t.Errorf("%d points, want %d", len(points), len(v.past))
	}
	repo := v.r.open(t)
	for _, m := range v.past {
		for target, d := range m.disks {
			if err := m.same(t, repo, target, d); err != nil {
				t.Errorf("%s@%s:%s (%s): %v", m.Machine, m.Name, target, m.Level, err)
			}
		}
		if err := m.round(t, repo); err != nil {
			t.Errorf("%s@%s (%s): %v", m.Machine, m.Name, m.Level, err)
		}
	}
	v.r.whole(t)
}
