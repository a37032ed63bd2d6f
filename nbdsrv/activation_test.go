package nbdsrv_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"vbfs/nbdsrv"
	"vbfs/nbdsrv/exporttest"
)

// activatedServer is the variable that makes the test binary a server of the sockets passed to it.
const activatedServer = "NBDSRV_TEST_ACTIVATED"

func TestMain(m *testing.M) {
	if os.Getenv(activatedServer) != "" {
		os.Exit(serveActivated())
	}
	os.Exit(m.Run())
}

func serveActivated() int {
	listeners, err := nbdsrv.Activated(os.Getpid(), os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"))
	if err != nil || len(listeners) != 1 {
		return 1
	}
	m, _ := exporttest.Random(123_456, 1000, 31)
	if err := nbdsrv.New(one(m), nbdsrv.Options{}).Serve(context.Background(), listeners[0]); err != nil {
		return 1
	}
	return 0
}

// TestActivated lets libnbd start the server as systemd would.
func TestActivated(t *testing.T) {
	t.Setenv(activatedServer, "yes")
	if out := run(t, "nbdinfo", "--size", "[", os.Args[0], "]"); strings.TrimSpace(out) != "123456" {
		t.Errorf("size %q", out)
	}
}

func TestNotActivated(t *testing.T) {
	t.Parallel()
	for _, env := range [][2]string{{"", ""}, {"7", "1"}, {"8", ""}, {"", "1"}} {
		if l, err := nbdsrv.Activated(8, env[0], env[1]); l != nil || err != nil {
			t.Errorf("%q: %v, %v", env, l, err)
		}
	}
	for _, fds := range []string{"0", "-1", "x", "257", "99999999999999999999"} {
		if _, err := nbdsrv.Activated(8, "8", fds); err == nil {
			t.Errorf("LISTEN_FDS %q: no error", fds)
		}
	}
}
