package qmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// maxMessage bounds one message of QEMU's, bytes. A node is told in about 1 KiB, a bitmap in 200 bytes.
const maxMessage = 32 << 20

// Args are a command's arguments, or those of an action in a transaction.
type Args map[string]any

// A message is any object that QEMU sends: QMP, "2.2" to "2.5".
type message struct {
	Greeting *struct {
		Version Version `json:"version"`
	} `json:"QMP"`
	ID     string          `json:"id"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event
}

// Do has QEMU run a command, and decodes what it returns into out, if that is not nil. QEMU's own refusal is an *Error.
func (c *Client) Do(ctx context.Context, command string, args Args, out any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	if c.broken != nil {
		return fmt.Errorf("%s: %w", command, c.broken)
	}
	var m message
	err := c.within(ctx, c.timeout, func() (err error) {
		m, err = c.exchange(command, args)
		return err
	})
	if err != nil {
		c.broken = err
		if !errors.Is(err, ErrLost) {
			c.broken = fmt.Errorf("%w: %w", ErrLost, err)
		}
		c.conn.Close() // QEMU is free for the next client
		return fmt.Errorf("%s: %w", command, c.broken)
	}
	if m.Error != nil {
		return &Error{Command: command, Class: m.Error.Class, Text: m.Error.Desc}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(m.Return, out); err != nil {
		return fmt.Errorf("%s: %w: %w", command, ErrProtocol, err)
	}
	return nil
}

// exchange sends a command and waits for its answer; events that come in between are kept.
func (c *Client) exchange(command string, args Args) (message, error) {
	c.last++
	id := c.self + strconv.Itoa(c.last)
	b, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments Args   `json:"arguments,omitempty"`
		ID        string `json:"id"`
	}{command, args, id})
	if err != nil {
		return message{}, err
	}
	if _, err := c.conn.Write(append(b, '\n')); err != nil {
		return message{}, lost(err)
	}
	for {
		m, err := c.receive()
		switch {
		case err != nil:
			return m, err
		case m.Name != "":
			c.keep(m.Event)
		case m.ID != "" && m.ID != id: // what a client before us did not wait for
		case m.ID == "" || m.Return == nil && m.Error == nil:
			return m, fmt.Errorf("%w: an answer to nothing", ErrProtocol)
		default:
			return m, nil
		}
	}
}

// receive reads one object.
func (c *Client) receive() (m message, err error) {
	c.in.N = maxMessage
	err = c.decoder.Decode(&m)
	switch {
	case err == nil:
		return m, nil
	case c.in.N <= 0:
		return m, fmt.Errorf("%w: a message of more than %d bytes", ErrProtocol, maxMessage)
	case errors.As(err, new(*json.SyntaxError)), errors.As(err, new(*json.UnmarshalTypeError)):
		return m, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return m, lost(err)
}

// lost marks an error of the connection, other than that of a deadline, as its end.
func lost(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: QEMU closed it", ErrLost)
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
