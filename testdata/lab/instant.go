package lab

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Instant is what all of a running or paused domain's disks that can be written to hold at one instant, by target: QEMU
// copies them itself, by backup jobs of its own that libvirt knows nothing of, and the guest need not stand still. Of Content
// it is independent, and the other way round.
func (d *Domain) Instant() map[string][]byte {
	h := d.Host
	h.t.Helper()
	dir, err := os.MkdirTemp(h.Dir, "instant")
	h.must(err)
	defer os.RemoveAll(dir)
	var actions []any
	out := map[string][]byte{}
	for _, node := range d.nodes() {
		path := filepath.Join(dir, node.target)
		actions = append(actions, map[string]any{"type": "drive-backup", "data": map[string]any{
			"job-id": "lab-" + node.target, "device": node.name, "target": path, "format": "raw", "sync": "full", "auto-dismiss": false}})
		out[node.target] = nil
	}
	d.monitor("transaction", map[string]any{"actions": actions}, nil)
	for target := range out {
		d.conclude("lab-" + target)
		out[target], err = os.ReadFile(filepath.Join(dir, target))
		h.must(err)
	}
	return out
}

// A node is where QEMU's block layer has a disk.
type node struct{ target, name string }

// nodes gives the disks that can be written to.
func (d *Domain) nodes() (out []node) {
	d.Host.t.Helper()
	var blocks []struct {
		QDev     string `json:"qdev"`
		Inserted struct {
			RO   bool   `json:"ro"`
			Node string `json:"node-name"`
		} `json:"inserted"`
	}
	d.monitor("query-block", nil, &blocks)
	x, err := d.xml()
	d.Host.must(err)
	for _, v := range x.Disks {
		for _, b := range blocks {
			if b.QDev == v.device() && !b.Inserted.RO {
				out = append(out, node{v.Target.Dev, b.Inserted.Node})
			}
		}
	}
	return out
}

// conclude waits for a job to end well.
func (d *Domain) conclude(job string) {
	d.Host.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		var jobs []struct{ ID, Status, Error string }
		d.monitor("query-jobs", nil, &jobs)
		for _, j := range jobs {
			if j.ID != job || j.Status != "concluded" {
				continue
			}
			d.monitor("job-dismiss", map[string]any{"id": job}, nil)
			if j.Error != "" {
				d.Host.t.Fatalf("%s of %s: %s", job, d.Name, j.Error)
			}
			return
		}
		if time.Now().After(end) {
			d.Host.t.Fatalf("%s of %s does not end: %v", job, d.Name, jobs)
		}
	}
}

// monitor has QEMU do something past libvirt (QEMU's QMP reference), and takes its answer apart.
func (d *Domain) monitor(command string, arguments, into any) {
	d.Host.t.Helper()
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	text, err := json.Marshal(request)
	d.Host.must(err)
	var answer struct {
		Return json.RawMessage
		Error  json.RawMessage
	}
	out := d.Virsh("qemu-monitor-command", string(text))
	d.Host.must(json.NewDecoder(strings.NewReader(out)).Decode(&answer))
	if answer.Error != nil {
		d.Host.t.Fatalf("QEMU of %s: %s: %s", d.Name, text, answer.Error)
	}
	if into != nil {
		d.Host.must(json.Unmarshal(answer.Return, into))
	}
}
