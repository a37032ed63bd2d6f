// Package victim runs a piece of a test in a process of its own, to be killed.
//
//	TestMain -> Main: what this process was started for, or the tests
//	test -> Start -> this program once more, with what it is to do in its environment -> Kill, or its end
package victim

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const variable = "VBFS_TEST_VICTIM"

// Main runs the tests; in a victim it does what that was started for. It gives the exit code.
func Main[T any](m *testing.M, do func(context.Context, T) error) int {
	text := os.Getenv(variable)
	if text == "" {
		return m.Run()
	}
	var what T
	err := json.Unmarshal([]byte(text), &what)
	if err == nil {
		err = do(context.Background(), what)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// lifeTime bounds how long one that is not due may live.
const lifeTime = 30 * time.Second

// Kill starts a victim, and kills it when it is due, or after half a minute. It tells whether it was done before. An error of its own
// before is the test's end.
func Kill(t *testing.T, what any, due func() bool) (done bool) {
	t.Helper()
	text, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+string(text))
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for end := time.Now().Add(lifeTime); !due() && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("before it was killed: %v: %s", err, said.String())
			}
			return true
		default:
		}
	}
	cmd.Process.Kill()
	<-ended
	return false
}

// After is due when some time has gone by.
func After(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}
