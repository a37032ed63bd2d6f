package qmp

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Options say how patient a client is.
type Options struct {
	// Greeting is how long QEMU may take to greet. 0 is 5 s: one that is not busy with another client takes milliseconds.
	Greeting time.Duration

	// Timeout is how long a command may take. 0 is 60 s: QEMU waits for disks in some.
	Timeout time.Duration
}

const (
	defaultGreeting = 5 * time.Second
	defaultTimeout  = 60 * time.Second
)

// A Client is a connection to a QEMU's monitor. Goroutines may share it.
type Client struct {
	path    string
	conn    net.Conn
	timeout time.Duration
	version Version
	process Process
	self    string // begins the numbers of this client's commands

	mu      sync.Mutex // of what follows: held while a command is under way
	in      *io.LimitedReader
	decoder *json.Decoder
	last    int // number of the newest command
	broken  error
	events  []Event
}

// A Version is QEMU's: QAPI, control.json, VersionInfo.
type Version struct {
	QEMU struct {
		Major int `json:"major"`
		Minor int `json:"minor"`
		Micro int `json:"micro"`
	} `json:"qemu"`
	Package string `json:"package"`
}

func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d", v.QEMU.Major, v.QEMU.Minor, v.QEMU.Micro)
}

// Dial connects to the monitor that listens on a Unix socket, and waits for its greeting.
func Dial(ctx context.Context, path string, o Options) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, dialError(path, err)
	}
	in := &io.LimitedReader{R: conn}
	c := &Client{path: path, conn: conn, timeout: cmp.Or(o.Timeout, defaultTimeout), in: in, decoder: json.NewDecoder(in)}
	c.process, c.self = peer(conn), rand.Text()+"-"
	if err := c.greet(ctx, cmp.Or(o.Greeting, defaultGreeting)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("monitor %s: %w", path, err)
	}
	return c, nil
}

func dialError(path string, err error) error {
	mark := ErrLost
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		mark = ErrNoSocket
	case errors.Is(err, fs.ErrPermission):
		mark = ErrDenied
	case errors.Is(err, syscall.EAGAIN): // those who wait for their turn fill the queue
		mark = ErrBusy
	}
	return fmt.Errorf("monitor %s: %w: %w", path, mark, err)
}

// greet reads the greeting and ends the negotiation: QMP, "2.2 Server Greeting", "4. Capabilities Negotiation".
func (c *Client) greet(ctx context.Context, patience time.Duration) error {
	var m message
	err := c.within(ctx, patience, func() (err error) {
		for m, err = c.receive(); err == nil && m.ID != ""; {
			m, err = c.receive()
		}
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrTimeout):
		return ErrBusy
	case err != nil:
		return err
	case m.Greeting == nil:
		return ErrProtocol
	}
	c.version = m.Greeting.Version
	return c.Do(ctx, "qmp_capabilities", nil, nil)
}

// within runs f, which reads and writes, for so long at most and until ctx is done.
func (c *Client) within(ctx context.Context, patience time.Duration, f func() error) error {
	deadline := time.Now().Add(patience)
	if err := c.conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) }) // one that fails is closed: no need
	defer stop()
	err := f()
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w for %v", ErrTimeout, patience)
	}
	return err
}

// Path is the socket's path.
func (c *Client) Path() string { return c.path }

// Version is QEMU's.
func (c *Client) Version() Version { return c.version }

// Process is the QEMU that listens, as far as the kernel tells.
func (c *Client) Process() Process { return c.process }

// Close ends the connection; QEMU is ready for the next client then.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close monitor %s: %w", c.path, err)
	}
	return nil
}

// Broken tells whether the connection is of no more use. Another one may be made.
func (c *Client) Broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken != nil
}
