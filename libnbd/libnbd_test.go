//go:build cgo && !nolibnbd

package libnbd

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"unsafe"
)

// serve connects a handle to an nbdkit that lives as long as the connection: nbdkit -s speaks on its standard input.
func serve(t *testing.T, configure func(*Libnbd), args ...string) *Libnbd {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := pair[0], os.NewFile(uintptr(pair[1]), "server")
	cmd := exec.Command("nbdkit", append([]string{"-s", "--exit-with-parent"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() { cmd.Wait() }) // runs after the handle's Close, which ends nbdkit
	h, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	if configure != nil {
		configure(h)
	}
	if err := h.ConnectSocket(ours); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestReadWriteZeroTrim(t *testing.T) {
	h := serve(t, nil, "memory", "1M")
	if size, err := h.GetSize(); err != nil || size != 1<<20 {
		t.Fatalf("GetSize: %d, %v", size, err)
	}
	data := bytes.Repeat([]byte{0xaa}, 4096)
	check(t, h.Pwrite(data, 8192, &PwriteOptargs{FlagsSet: true, Flags: CMD_FLAG_FUA}))
	check(t, h.Zero(512, 8192, nil))
	check(t, h.Trim(4096, 0, nil))
	check(t, h.Flush(nil))
	got := make([]byte, 4096)
	check(t, h.Pread(got, 8192, nil))
	copy(data, make([]byte, 512))
	if !bytes.Equal(got, data) {
		t.Fatal("what was read is not what was written")
	}
	check(t, h.Shutdown(nil))
}

func TestAsynchronousCommands(t *testing.T) {
	h := serve(t, nil, "pattern", "1M")
	var pin runtime.Pinner
	defer pin.Unpin()
	got, want := make([]byte, 1<<20), make([]byte, 1<<20)
	pin.Pin(&got[0])
	ended := 0
	done := func(e *int) int { ended++; return 0 }
	var cookies []uint64
	for off := 0; off < len(got); off += 64 << 10 {
		buf := AioBuffer{P: unsafe.Pointer(&got[off]), Size: 64 << 10}
		cookie, err := h.AioPread(buf, uint64(off), &AioPreadOptargs{CompletionCallbackSet: true, CompletionCallback: done})
		check(t, err)
		cookies = append(cookies, cookie)
	}
	for _, cookie := range cookies {
		retire(t, h, cookie)
	}
	if n, err := h.AioInFlight(); n != 0 || err != nil || ended != len(cookies) {
		t.Fatalf("%d in flight, %v, %d completion callbacks", n, err, ended)
	}
	check(t, h.Pread(want, 0, nil))
	if !bytes.Equal(got, want) {
		t.Fatal("asynchronous and synchronous reads differ")
	}
}

func TestAsynchronousWrites(t *testing.T) {
	h := serve(t, nil, "memory", "1M")
	var pin runtime.Pinner
	defer pin.Unpin()
	data := bytes.Repeat([]byte{7}, 8192)
	pin.Pin(&data[0])
	cookie, err := h.AioPwrite(AioBuffer{P: unsafe.Pointer(&data[0]), Size: 8192}, 4096, nil)
	check(t, err)
	retire(t, h, cookie)
	cookie, err = h.AioZero(4096, 4096, nil)
	check(t, err)
	retire(t, h, cookie)
	cookie, err = h.AioTrim(4096, 65536, nil)
	check(t, err)
	retire(t, h, cookie)
	cookie, err = h.AioFlush(nil)
	check(t, err)
	retire(t, h, cookie)
	got := make([]byte, 8192)
	check(t, h.Pread(got, 4096, nil))
	if !bytes.Equal(got[:4096], make([]byte, 4096)) || !bytes.Equal(got[4096:], data[4096:]) {
		t.Fatal("what was read is not what was written")
	}
}

func TestBlockStatus(t *testing.T) {
	h := serve(t, func(h *Libnbd) { check(t, h.AddMetaContext(CONTEXT_BASE_ALLOCATION)) }, "data", "1 @0x10000 2", "size=1M")
	if ok, err := h.CanMetaContext(CONTEXT_BASE_ALLOCATION); !ok || err != nil {
		t.Fatalf("base:allocation: %v, %v", ok, err)
	}
	var total uint64
	collect := func(context string, offset uint64, entries []uint32, e *int) int {
		if context != CONTEXT_BASE_ALLOCATION || offset != 0 {
			t.Errorf("answer for %q at %d", context, offset)
		}
		for i := 0; i < len(entries); i += 2 {
			total += uint64(entries[i])
		}
		return 0
	}
	check(t, h.BlockStatus(1<<20, 0, collect, nil))
	cookie, err := h.AioBlockStatus(1<<20, 0, collect, nil)
	check(t, err)
	retire(t, h, cookie)
	if total != 2<<20 {
		t.Fatalf("two answers cover %d bytes", total)
	}
}

func TestExtentCallbackFailsTheCommand(t *testing.T) {
	h := serve(t, func(h *Libnbd) { check(t, h.AddMetaContext(CONTEXT_BASE_ALLOCATION)) }, "memory", "1M")
	err := h.BlockStatus(1<<20, 0, func(_ string, _ uint64, _ []uint32, e *int) int {
		*e = int(syscall.EPROTO)
		return -1
	}, nil)
	var e *LibnbdError
	if !errors.As(err, &e) || e.Errno != syscall.EPROTO {
		t.Fatalf("BlockStatus: %v", err)
	}
}

func TestErrors(t *testing.T) {
	h := serve(t, nil, "--filter=error", "memory", "1M", "error-pread=EIO", "error-rate=100%")
	err := h.Pread(make([]byte, 512), 0, nil)
	var e *LibnbdError
	if !errors.As(err, &e) || e.Op != "pread" || e.Errno != syscall.EIO || e.Errmsg == "" {
		t.Fatalf("Pread: %#v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := h.Pread(make([]byte, 512), 0, nil); !errors.As(err, &e) || e.Errno != syscall.EBADF {
		t.Fatalf("Pread of a closed handle: %v", err)
	}
	if err := h.Close(); err == nil {
		t.Fatal("a second Close says nothing")
	}
}

func retire(t *testing.T, h *Libnbd, cookie uint64) {
	t.Helper()
	for {
		if done, err := h.AioCommandCompleted(cookie); err != nil || done {
			check(t, err)
			return
		}
		if n, err := h.Poll(10_000); n != 1 || err != nil {
			t.Fatalf("Poll: %d, %v", n, err)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
