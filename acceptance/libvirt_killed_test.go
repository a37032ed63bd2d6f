package acceptance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"vbfs/testdata/lab"
)

// A relic is what a killed backup leaves behind.
type relic struct{ job, frozen, mark, scratch bool }

// relics looks for what the machine would not have if nobody had begun a backup: with marks that the newest points recorded.
func (v *vm) relics(t *testing.T, scratch string, marks []string) (r relic) {
	t.Helper()
	r.job = v.job()
	r.frozen = !strings.Contains(v.Virsh("qemu-agent-command", `{"execute":"guest-fsfreeze-status"}`), `"thawed"`)
	r.mark = strings.Join(v.marks(), " ") != strings.Join(marks, " ")
	left, err := os.ReadDir(scratch)
	check(t, err)
	r.scratch = len(left) > 0
	return r
}

// TestLibvirtKilled kills backups of a live guest at random moments: what they leave behind the next one clears away, and no
// point is lost.
func TestLibvirtKilled(t *testing.T) {
	t.Parallel()
	scratch, disks := t.TempDir(), []string{"vda", "vdb"}
	v := newVM(t, lab.Start(t), lab.Spec{Guest: true, Agent: true, Disks: []lab.Disk{
		{Target: "vda", Size: 16 * mib, Ext4: true}, {Target: "vdb", Size: 8 * mib},
	}}, "--scratch", scratch)
	rnd := rand.New(rand.NewPCG(*seed, 11))
	took := v.timed(t, disks)
	var seen relic
	for round, end := 0, time.Now().Add(90*time.Second); round < 6 || (seen != relic{true, true, true, true} && time.Now().Before(end)); round++ {
		v.Run(fmt.Sprintf("dd if=/dev/urandom of=/mnt/vda/file%d bs=1k count=300; dd if=/dev/urandom of=/dev/vdb bs=64k count=2 seek=%d conv=notrunc", round%8, round))
		v.rest()
		for range 1 + rnd.IntN(2) {
			before := v.marks()
			if rnd.IntN(2) == 0 {
				v.killed(t, disks, "", time.Duration(rnd.Int64N(int64(took))))
			} else { // about when the guest is frozen, which is not for long
				v.killed(t, disks, scratch, time.Duration(rnd.Int64N(int64(150*time.Millisecond))))
			}
			r := v.relics(t, scratch, before)
			seen = relic{seen.job || r.job, seen.frozen || r.frozen, seen.mark || r.mark, seen.scratch || r.scratch}
		}
		took = v.timed(t, disks)
		v.Run("echo alive >/mnt/vda/alive; sync")
		if r := v.relics(t, scratch, v.marks()); r != (relic{}) || len(v.marks()) > 2 {
			t.Fatalf("round %d: after the next backup there are left %+v, and the checkpoints %v", round, r, v.marks())
		}
	}
	if (seen != relic{true, true, true, true}) {
		t.Errorf("no backup was killed that left behind all there is: %+v", seen)
	}
	v.intact(t)
	v.r.tidy(t)
}

// timed captures, and tells how long that took.
func (v *vm) timed(t *testing.T, disks []string) time.Duration {
	t.Helper()
	at := v.know(disks)
	begin := time.Now()
	v.keep(&moment{Point: v.backup(t), disks: at})
	return time.Since(begin)
}

// killed begins a backup and kills it a while after it has begun, or has something in its directory for scratch files if one is
// given, unless it has ended by then.
func (v *vm) killed(t *testing.T, disks []string, scratch string, after time.Duration) {
	t.Helper()
	at, points := v.know(disks), len(v.r.points(t))
	s := serverOf(t, v.r.command("vbackup", v.command()...))
	if scratch != "" {
		eventually(t, "there are scratch files, or the backup is over", func() bool {
			some, err := os.ReadDir(scratch)
			check(t, err)
			select {
			case <-s.ended:
				return true
			default:
				return len(some) > 0
			}
		})
	}
	select {
	case <-s.ended:
	case <-time.After(after):
		s.cmd.Process.Kill()
		<-s.ended
	}
	switch all := v.r.points(t); {
	case len(all) > points:
		v.keep(&moment{Point: all[len(all)-1], disks: at})
	case s.cmd.ProcessState.ExitCode() >= 0:
		t.Fatalf("a backup ended with %d: %s", s.cmd.ProcessState.ExitCode(), s.said.String())
	}
}
