package process

import (
	"os/exec"
	"testing"
)

// A process that ended is gone; one that may be somewhere else, or whose number means nothing here, is not known to be.
func TestGone(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	alive := Self()
	alive.PID = cmd.Process.Pid
	start, _, err := Born(alive.PID)
	if err != nil || Self().Gone() {
		t.Fatalf("this process is gone: %v", err)
	}
	if alive.Start = start; alive.Gone() {
		t.Error("it is alive")
	}
	change := func(f func(*ID)) ID {
		id := alive
		f(&id)
		return id
	}
	another, boot := change(func(p *ID) { p.Start++ }), change(func(p *ID) { p.Boot = "another" })
	if !another.Gone() {
		t.Error("its number is another's")
	}
	if known := Self().Machine != ""; boot.Gone() != known {
		t.Errorf("the host was booted since: %t", boot.Gone())
	}
	cmd.Process.Kill()
	cmd.Wait()
	if !alive.Gone() {
		t.Error("it has ended")
	}
	for what, id := range map[string]ID{
		"host":        change(func(p *ID) { p.Boot, p.Host = "another", "another" }),
		"machine":     change(func(p *ID) { p.Boot, p.Machine = "another", "another" }),
		"no machine":  change(func(p *ID) { p.Boot, p.Machine = "another", "" }),
		"container":   change(func(p *ID) { p.Space = "pid:[1]" }),
		"no space":    change(func(p *ID) { p.Space = "" }),
		"no boot":     change(func(p *ID) { p.Boot = "" }),
		"no number":   change(func(p *ID) { p.PID = 0 }),
		"all of them": change(func(p *ID) { p.PID = -1 }),
		"nothing":     {},
	} {
		if id.Gone() {
			t.Errorf("%s: it is taken for gone: %+v", what, id)
		}
	}
}
