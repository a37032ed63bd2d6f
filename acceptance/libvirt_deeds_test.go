package acceptance

import (
	"fmt"
	"slices"
	"strings"

	"vbfs/testdata/lab"
)

// write writes, deletes nothing, and leaves files whose names tell their age.
func (l *life) write() {
	l.Run(fmt.Sprintf(`cd /mnt/vda
dd if=/dev/urandom of=file%d bs=1k count=$((1000+$RANDOM%%1000))
for i in 1 2 3 4 5; do dd if=/dev/urandom of=/dev/vdb bs=4k count=$((RANDOM%%5+1)) seek=$((RANDOM%%1900)) conv=notrunc; done
echo $RANDOM >>log`, len(l.past)))
}

// trim deletes files, and tells the disks.
func (l *life) trim() {
	l.write()
	l.Run("cd /mnt/vda; rm -f file[13579]*; sync; fstrim .; blkdiscard -o 2097152 -l 1048576 /dev/vdb")
}

// zero writes zeros where data was, in a file and on a disk.
func (l *life) zero() {
	l.write()
	l.Run(fmt.Sprintf("dd if=/dev/zero of=/mnt/vda/file%d bs=1k seek=100 count=800 conv=notrunc; "+
		"dd if=/dev/zero of=/dev/vdb bs=64k seek=70 count=30 conv=notrunc; blkdiscard -z -o 65536 -l 524288 /dev/vdb; sync", len(l.past)))
}

func (l *life) grow() {
	l.write()
	l.Attach(lab.Disk{Target: "vdc", Size: 12 * mib})
	l.disks = append(l.disks, "vdc")
	l.Run("until test -b /dev/vdc; do usleep 10000; done; dd if=/dev/urandom of=/dev/vdc bs=1M count=7; sync")
}

func (l *life) resize() {
	l.Resize("vdb", 8*mib+3*512<<10)
	l.write()
	l.Run("dd if=/dev/urandom of=/dev/vdb bs=4k count=9 seek=2100 conv=notrunc; sync")
}

func (l *life) shutOff() {
	l.write()
	l.Run("sync; (sleep 0.2; poweroff -f) >/dev/null 2>&1 &")
	eventually(l.t, "the guest powers off", func() bool { return l.State() == "shut off" })
}

func (l *life) start() { l.Start(); l.write() }

// destroy ends the machine while it is read: that backup fails, and leaves no point.
func (l *life) destroy() {
	l.write()
	l.rest()
	s := l.begun("full")
	l.Virsh("destroy")
	<-s.ended
	if code := s.cmd.ProcessState.ExitCode(); code != 1 || len(l.r.points(l.t)) != len(l.past) {
		l.t.Errorf("destroyed in mid-backup: exit code %d, %d points after %d: %s", code, len(l.r.points(l.t)), len(l.past), s.said.String())
	}
}

// begun begins a backup that takes long.
func (l *life) begun(level string) *server {
	s := serverOf(l.t, l.r.command("vbackup", l.command("--level", level, "--limit-rate", "6M", "--pause")...))
	eventually(l.t, "a backup job begins", func() bool { s.running(l.t); return l.job() })
	return s
}

func (l *life) redefine() {
	l.Virsh("undefine", "--checkpoints-metadata")
	l.Define()
	l.start()
}

// forget has a checkpoint deleted that nobody asked us about: the newest.
func (l *life) forget() {
	l.write()
	marks := l.marks()
	i := slices.IndexFunc(marks, func(name string) bool { return strings.HasSuffix(name, l.past[len(l.past)-1].ID) })
	if i < 0 {
		l.t.Fatalf("the newest point has none of the checkpoints %v", marks)
	}
	l.Virsh("checkpoint-delete", marks[i])
}

// outlive restarts libvirtd, also while a backup is under way: that is a good point then, or none.
func (l *life) outlive() {
	l.write()
	l.rest()
	l.h.Restart()
	disks := l.know(l.disks)
	s := l.begun("copy")
	l.h.Restart()
	<-s.ended
	if s.cmd.ProcessState.ExitCode() == 0 {
		l.keep(&moment{Point: pointIn(l.t, s.said.String()), disks: disks})
	}
	if state := l.State(); state != "running" {
		l.t.Errorf("libvirtd was restarted in mid-backup: the machine is %s", state)
	}
}

// kill ends QEMU as a crash does: its bitmaps are not written.
func (l *life) kill() {
	l.write()
	l.Run("sync")
	l.h.KillQEMU(l.Name)
}
