package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestQEMU(t *testing.T) {
	t.Parallel()
	monitor, _, cmd := startQEMU(t)
	c := dial(t, monitor, Options{})
	ctx := t.Context()
	if v := c.Version(); v.QEMU.Major < 5 || !strings.HasPrefix(v.String(), fmt.Sprint(v.QEMU.Major)+".") {
		t.Errorf("%+v", v)
	}
	p := c.Process()
	if p.PID != cmd.Process.Pid || !p.Alive() || p.UID != os.Geteuid() || p.String() == "" {
		t.Errorf("%+v, not %d", p, cmd.Process.Pid)
	}
	words, err := p.CommandLine()
	if err != nil || len(words) != len(cmd.Args) || words[len(words)-1] != cmd.Args[len(words)-1] {
		t.Errorf("%q, %v", words, err)
	}
	name, e1 := c.Name(ctx)
	uuid, e2 := c.UUID(ctx)
	status, e3 := c.Status(ctx)
	threads, e4 := c.IOThreads(ctx)
	if err := errors.Join(e1, e2, e3, e4); err != nil || name != "web01" || uuid != "" || status != "prelaunch" || !threads {
		t.Errorf("%q %q %q %v %v", name, uuid, status, threads, err)
	}
	blocks, err := c.Blocks(ctx)
	if err != nil || len(blocks) != 1 || blocks[0].Medium == nil || blocks[0].Medium.Name != "disk" || blocks[0].Medium.Image.Size != 1<<20 {
		t.Errorf("%+v, %v", blocks, err)
	}
	share := true
	if err := c.Property(ctx, blocks[0].Device, "share-rw", &share); err != nil || share {
		t.Errorf("%v, %v", share, err)
	}
	if err := c.Property(ctx, blocks[0].Device, "no such", &share); err != nil {
		t.Error(err)
	}
	if err := c.Do(ctx, "block-dirty-bitmap-add", Args{"node": "disk", "name": "b"}, nil); err != nil {
		t.Error(err)
	}
	nodes, err := c.Nodes(ctx)
	if err != nil || len(nodes) != 1 || len(nodes[0].Bitmaps) != 1 || !nodes[0].Bitmaps[0].Recording || nodes[0].Bitmaps[0].Persistent {
		t.Errorf("%+v, %v", nodes, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if err := c.Do(ctx, "query-status", nil, nil); !errors.Is(err, ErrLost) || !c.Broken() {
		t.Errorf("%v", err)
	}
	if p.Alive() {
		t.Error("a process that was killed is alive")
	}
	if _, err := Dial(ctx, monitor, Options{}); !errors.Is(err, ErrNoSocket) {
		t.Errorf("%v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	monitor, people, _ := startQEMU(t)
	c := dial(t, monitor, Options{})
	if _, err := Dial(t.Context(), monitor, Options{Greeting: 300 * time.Millisecond}); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), monitor) {
		t.Errorf("%v", err)
	}
	if _, err := Dial(t.Context(), people, Options{Greeting: 2 * time.Second}); !errors.Is(err, ErrProtocol) {
		t.Errorf("%v", err)
	}
	if _, err := Dial(t.Context(), filepath.Join(filepath.Dir(people), "none"), Options{}); !errors.Is(err, ErrNoSocket) {
		t.Errorf("%v", err)
	}
	err := c.Do(t.Context(), "no-such-command", nil, nil)
	if !errors.Is(err, ErrNoCommand) || c.Broken() {
		t.Errorf("%v", err)
	}
	var said *Error
	if err := c.Do(t.Context(), "blockdev-del", Args{"node-name": "none"}, nil); !errors.As(err, &said) || said.Command != "blockdev-del" || errors.Is(err, ErrNoCommand) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Do(ctx, "query-status", nil, nil); !errors.Is(err, context.Canceled) || c.Broken() {
		t.Errorf("a command that was not sent: %v, broken %v", err, c.Broken())
	}
	c.Close()
	next := dial(t, monitor, Options{}) // QEMU is free again
	if err := next.Do(t.Context(), "cont", nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := next.Status(t.Context()); err != nil {
		t.Error(err)
	}
	if e := next.Events(); len(e) != 1 || e[0].Name != "RESUME" || next.Events() != nil {
		t.Errorf("%+v", e)
	}
}

// A command that is given up breaks the connection, and its late answer, which QEMU gives to whom it finds, is nobody's.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	late := ""
	path := liar(t, func(conn net.Conn, in *bufio.Reader) {
		fmt.Fprint(conn, late, greeting)
		for {
			line, err := in.ReadBytes('\n')
			if err != nil {
				return
			}
			var m struct{ Execute, ID string }
			json.Unmarshal(line, &m)
			answer := fmt.Sprintf(`{"return": {"status": "running"}, "id": %q}`+"\r\n", m.ID)
			if m.Execute == "stop" {
				late = strings.Replace(answer, "running", "paused", 1)
				continue
			}
			fmt.Fprint(conn, late, `{"event": "X", "data": {}}`, answer)
		}
	})
	c := dial(t, path, Options{Timeout: 200 * time.Millisecond})
	if err := c.Do(t.Context(), "stop", nil, nil); !errors.Is(err, ErrLost) || !errors.Is(err, ErrTimeout) || !c.Broken() {
		t.Errorf("%v", err)
	}
	if err := c.Do(t.Context(), "query-status", nil, nil); !errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
	c = dial(t, path, Options{})
	if s, err := c.Status(t.Context()); err != nil || s != "running" {
		t.Errorf("%q, %v", s, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Do(ctx, "stop", nil, nil); !errors.Is(err, context.DeadlineExceeded) || !c.Broken() {
		t.Errorf("%v", err)
	}
}

// What is no QMP, or too much of it, is an error soon and not a memory full.
func TestNonsense(t *testing.T) {
	t.Parallel()
	endless := func(conn net.Conn, _ *bufio.Reader) {
		fmt.Fprint(conn, `{"QMP": "`)
		io.Copy(conn, repeat('x'))
	}
	for name, talk := range map[string]func(net.Conn, *bufio.Reader){
		"endless":        endless,
		"not json":       func(c net.Conn, _ *bufio.Reader) { fmt.Fprint(c, "hello\r\n") },
		"no greeting":    func(c net.Conn, _ *bufio.Reader) { fmt.Fprint(c, `{"return": {}}`) },
		"another shape":  func(c net.Conn, _ *bufio.Reader) { fmt.Fprint(c, `{"QMP": 5}`) },
		"without number": func(c net.Conn, in *bufio.Reader) { fmt.Fprint(c, greeting, `{"return": {}}`); in.ReadByte() },
	} {
		start := time.Now()
		if _, err := Dial(t.Context(), liar(t, talk), Options{}); !errors.Is(err, ErrProtocol) || time.Since(start) > 20*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(start))
		}
	}
	gone := liar(t, func(c net.Conn, in *bufio.Reader) { fmt.Fprint(c, greeting); in.ReadByte() })
	if _, err := Dial(t.Context(), gone, Options{}); !errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
}

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	var c Client
	for i := range maxEvents + 5 {
		c.keep(Event{Name: fmt.Sprint(i)})
	}
	if e := c.Events(); len(e) != maxEvents || e[0].Name != "5" {
		t.Errorf("%d, from %s", len(e), e[0].Name)
	}
}
