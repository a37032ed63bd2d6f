package acceptance

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"testing"
)

// Of the NBD specification, "Structured reply chunk message" and "Reply types".
const (
	chunkMagic   = 0x668e33ef
	chunkHeader  = 20 // magic, flags, type, cookie, length
	typeStatus   = 5
	typeData     = 1
	statusHeader = 4 // of a status: the context's ID; then length and flags of each extent
)

// A tamper changes a chunk of a reply on its way, or ends the connection.
type tamper func(kind uint16, payload []byte) (changed []byte, die bool)

// proxy stands between a client and an NBD server, and gives the socket on which it does.
func proxy(t *testing.T, server string, change tamper) (socket string) {
	t.Helper()
	socket = filepath.Join(socketDir(t), "p")
	l, err := net.Listen("unix", socket)
	check(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go relay(client, server, change)
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return socket
}

// relay ends when either side does.
func relay(client net.Conn, server string, change tamper) {
	defer client.Close()
	upstream, err := net.Dial("unix", server)
	if err != nil {
		return
	}
	defer upstream.Close()
	go func() {
		io.Copy(upstream, client)
		upstream.Close()
	}()
	r := bufio.NewReader(upstream)
	if handshake(client, r) == nil {
		chunks(client, r, change)
	}
}

// handshake passes on what comes before the first chunk's magic, and takes that.
func handshake(w io.Writer, r io.ByteReader) error {
	var magic [4]byte
	binary.BigEndian.PutUint32(magic[:], chunkMagic)
	for matched := 0; matched < len(magic); {
		b, err := r.ReadByte()
		if err != nil {
			return err
		}
		if b == magic[matched] {
			matched++
			continue
		}
		if _, err := w.Write(append(magic[:matched:matched], b)); err != nil {
			return err
		}
		matched = 0
	}
	return nil
}

// chunks passes on chunks, of the first of which the magic has been taken.
func chunks(w io.Writer, r io.Reader, change tamper) {
	h := make([]byte, chunkHeader)
	binary.BigEndian.PutUint32(h, chunkMagic)
	for from := 4; ; from = 0 {
		if _, err := io.ReadFull(r, h[from:]); err != nil {
			return
		}
		p := make([]byte, binary.BigEndian.Uint32(h[16:]))
		if _, err := io.ReadFull(r, p); err != nil {
			return
		}
		p, die := change(binary.BigEndian.Uint16(h[6:]), p)
		if die {
			return
		}
		binary.BigEndian.PutUint32(h[16:], uint32(len(p)))
		if _, err := w.Write(append(h[:chunkHeader:chunkHeader], p...)); err != nil {
			return
		}
	}
}
