package lab

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

//go:embed namespace.sh
var namespaceScript string

//go:embed inner.sh
var innerScript string

// An inner is the first process of a lab's namespace, and the way to it.
type inner struct {
	cmd   *exec.Cmd // the outer half, which is in the mount namespace alone
	said  bytes.Buffer
	dir   string
	input io.WriteCloser // whose end ends the lab

	mu      sync.Mutex // of who asks and awaits an answer
	answers *bufio.Reader
}

func newInner(dir string) (*inner, error) {
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "bash", "-c", namespaceScript, "outer", dir, innerScript)
	in := &inner{cmd: cmd, dir: dir}
	cmd.Stderr = &in.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	in.input, in.answers = input, bufio.NewReader(answers)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := in.answers.ReadString('\n'); err != nil {
		cmd.Wait()
		return nil, fmt.Errorf("no namespaces: %w: %s", err, in.said.String())
	}
	return in, nil
}

// do has a line of bash done inside.
func (in *inner) do(line string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if _, err := io.WriteString(in.input, line+"\n"); err != nil {
		return err
	}
	status, err := in.answers.ReadString('\n')
	if err != nil {
		return fmt.Errorf("%s: the lab ended: %w", line, err)
	}
	if status = strings.TrimSpace(status); status != "0" {
		said, err := os.ReadFile(filepath.Join(in.dir, "said"))
		return errors.Join(fmt.Errorf("%s: exit status %s: %s", line, status, said), err)
	}
	return nil
}

// close ends all of the lab's processes, and waits until nothing is left of it.
func (in *inner) close() error {
	in.input.Close()
	defer time.AfterFunc(time.Minute, func() { in.cmd.Process.Kill() }).Stop()
	if err := in.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, in.said.String())
	}
	return nil
}

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

// output runs a program to its end, and gives what it printed, without the last line's end.
func output(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return "", fmt.Errorf("%s %q: %w: %s", name, args, err, &said)
	}
	return strings.TrimRight(string(out), "\n"), nil
}
