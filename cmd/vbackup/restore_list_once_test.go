package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"vbfs/testdata/vsim"
)

// five are machines that were captured and are off.
func five(t *testing.T) (l *vsphereRestore, machines []*vsim.Machine) {
	t.Helper()
	l = &vsphereRestore{vcenter: newVMware(t)}
	l.vddk = l.h.VDDK()
	args := []string{"backup", "--transport", "https"}
	for i := range 5 {
		name := fmt.Sprintf("web0%d", i)
		machines = append(machines, l.h.Add(vsim.Spec{Name: name, Folder: "web", CBT: true, Disks: []vsim.Disk{{Size: 1 << 20, Content: noise(1<<18, byte(i))}}}))
		args = append(args, "vsphere:"+name)
	}
	l.OK("vbackup", l.account(args...)...)
	for _, m := range machines {
		m.PowerOff()
	}
	return l, machines
}

// counted counts how often nbdkit is asked what its plugin has.
func (l *vsphereRestore) counted() (asked func() int) {
	l.T.Helper()
	real, err := exec.LookPath("nbdkit")
	if err == nil {
		err = os.Mkdir(l.Path("bin"), 0o755)
	}
	if err == nil {
		shim := fmt.Sprintf("#!/bin/sh\necho \"$*\" >> '%s'\nexec '%s' \"$@\"\n", l.Path("nbdkit.log"), real)
		err = errors.Join(os.WriteFile(l.Path("bin/nbdkit"), []byte(shim), 0o755), os.WriteFile(l.Path("nbdkit.log"), nil, 0o600))
	}
	if err != nil {
		l.T.Fatal(err)
	}
	l.Env = append(l.Env, "PATH="+l.Path("bin")+":"+os.Getenv("PATH"))
	return func() int { return strings.Count(string(l.Bytes(l.Path("nbdkit.log"))), "--dump-plugin") }
}

// What all lines of a list need to know is asked for once: who it is, what there is, and whether VMware's library is there.
func TestRestoreListOnce(t *testing.T) {
	t.Parallel()
	l, machines := five(t)
	asked := l.counted()
	var again, over []string
	for i := range machines {
		again, over = append(again, fmt.Sprintf("web0%d;;;again %d", i, i)), append(over, fmt.Sprintf("web0%d", i))
	}
	for _, c := range []struct {
		lines []string
		args  []string
		most  int // round trips, of which one a machine looks at who has its IDs; 0 is as many as tasks are asked for
	}{
		{again, []string{"vsphere:/DC0/vm/back", "--dry-run"}, 17}, {again, []string{"vsphere:/DC0/vm/back"}, 0},
		{over, []string{"vsphere:", "--overwrite", "--delta", "--dry-run"}, 13}, {over, []string{"vsphere:", "--overwrite", "--delta"}, 0},
	} {
		l.h.ResetCounts()
		before := asked()
		l.OK("vbackup", l.to(append([]string{"restore", "--list", listOf(l.Lab, c.lines...)}, c.args...)...)...)
		counts := l.h.Counts()
		for _, call := range []string{"Login", "CreateContainerView"} {
			if n := counts.Calls[call]; n != 1 {
				t.Errorf("%q: %s was called %d times", c.args, call, n)
			}
		}
		if n := asked() - before; n != 1 {
			t.Errorf("%q: nbdkit was asked %d times what it has", c.args, n)
		}
		if t.Logf("%q: %d round trips", c.args, counts.RoundTrips); c.most > 0 && counts.RoundTrips > c.most {
			t.Errorf("%q: more than %d round trips: %v", c.args, c.most, counts.Calls)
		}
	}
	for i, m := range machines {
		if got := l.h.Machine(fmt.Sprintf("again %d", i)).Content("scsi0-0"); !bytes.Equal(got, m.Frozen("scsi0-0")) {
			t.Errorf("again %d is not what web0%d was", i, i)
		}
	}
}
