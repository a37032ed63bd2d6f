package lab

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A guest is the Linux in a running domain, and the serial line to it.
type guest struct {
	mu    sync.Mutex // of who asks and awaits an answer
	line  net.Conn
	said  *bufio.Reader
	asked int
}

// bootTime is how long a guest may take to boot, and runTime a command in it, on a machine that has other things to do.
const (
	bootTime = 2 * time.Minute
	runTime  = time.Minute
)

// Run has the guest's shell do something, which has to succeed, and gives what it printed.
func (d *Domain) Run(script string) string {
	d.Host.t.Helper()
	out, status := d.TryRun(script)
	if status != 0 {
		d.Host.t.Fatalf("guest %s: %s: exit status %d: %s", d.Name, script, status, out)
	}
	return out
}

// TryRun has the guest's shell do something, which may fail with an exit status.
func (d *Domain) TryRun(script string) (out string, status int) {
	d.Host.t.Helper()
	if d.guest == nil {
		d.Host.t.Fatalf("no guest runs in %s", d.Name)
	}
	out, status, err := d.guest.do(script)
	if err != nil {
		d.Host.t.Fatalf("guest %s: %s: %v", d.Name, script, err)
	}
	return out, status
}

func (g *guest) do(script string) (out string, status int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	g.line.SetDeadline(time.Now().Add(runTime))
	if _, err := fmt.Fprintf(g.line, "%d %s\n", g.asked, base64.StdEncoding.EncodeToString([]byte(script))); err != nil {
		return "", 0, err
	}
	end := fmt.Sprintf("<%d:", g.asked)
	for {
		l, err := g.said.ReadString('\n')
		if err != nil {
			return "", 0, fmt.Errorf("%w, after %q", err, out+l)
		}
		before, tail, ok := strings.Cut(l, end)
		out += before
		if ok {
			_, err = fmt.Sscanf(tail, "%d>", &status)
			return strings.TrimRight(out, "\n"), status, err
		}
	}
}

// connect waits for the guest to have booted.
func (d *Domain) connect() error {
	x, err := d.xml()
	if err != nil {
		return err
	}
	line, err := net.Dial("unix", x.shell())
	if err != nil {
		return err
	}
	d.Host.t.Cleanup(func() { line.Close() })
	g := &guest{line: line, said: bufio.NewReader(line)}
	line.SetDeadline(time.Now().Add(bootTime))
	for {
		l, err := g.said.ReadString('\n')
		if err != nil {
			console, _ := os.ReadFile(d.console())
			return fmt.Errorf("guest %s does not boot: %w: …%s", d.Name, err, console[max(0, len(console)-2000):])
		}
		if strings.Contains(l, "<ready>") {
			d.guest = g
			return nil
		}
	}
}

// console is where the guest's kernel writes to, shell the serial line.
func (d *Domain) console() string { return filepath.Join(d.Host.Dir, d.Name+".console") }
func (d *Domain) shell() string   { return filepath.Join(d.Host.Dir, d.Name+".shell") }

// initrd is the guest's file system, made at first need.
func (h *Host) initrd(release string) (string, error) {
	file := filepath.Join(h.Dir, "initrd")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	b, err := initramfs(release)
	if err != nil {
		return "", err
	}
	return file, os.WriteFile(file, b, 0o644)
}

// cmdline tells the guest's kernel which modules to load and which disks to mount, not to check what a busy host makes look
// broken (timers), and to leave out what takes long.
func (s *Spec) cmdline(release string) (string, error) {
	needs, mount := []string{"virtio"}, []string{}
	if s.Agent {
		needs = append(needs, "agent")
	}
	for _, d := range s.Disks {
		needs = append(needs, d.Bus())
		if d.Ext4 {
			mount = append(mount, d.Target)
		}
	}
	files, err := modules(release, needs...)
	for i := range files {
		files[i] = path.Base(files[i])
	}
	return fmt.Sprintf("console=ttyS0 quiet mitigations=off nokaslr no_timer_check tsc=reliable cryptomgr.notests lab.modules=%s lab.mount=%s",
		strings.Join(files, ","), strings.Join(mount, ",")), err
}
