package seal

import (
	"crypto/rand"
	"crypto/sha256"
	"os"
	"runtime"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sys/unix"

	"vbfs/index/format"
)

// The cost of new password slots: about 0.14 s on a 2023 server core.
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 4
)

// NewPasswordSlot wraps the root key for a password.
func NewPasswordSlot(root [32]byte, password []byte, label string) *format.KeySlot {
	s := &format.KeySlot{
		Kind: format.SlotPassword, Label: label, Created: time.Now().UTC().Truncate(time.Second),
		Time: argonTime, Memory: argonMemory, Threads: argonThreads, Salt: make([]byte, 16),
	}
	rand.Read(s.Salt)
	s.Wrapped = wrap(slotKey(s, password), s.Kind, root)
	return s
}

// OpenPasswordSlot gives the root key, or ErrPassword.
func OpenPasswordSlot(s *format.KeySlot, password []byte) ([32]byte, error) {
	return unwrap(slotKey(s, password), s)
}

// slotKey is used for one message only: the salt is fresh for each slot.
func slotKey(s *format.KeySlot, password []byte) [32]byte {
	warm(int(s.Memory) << 10)
	return [32]byte(argon2.IDKey(password, s.Salt, s.Time, s.Memory, s.Threads, 32))
}

// warm has the heap hold so many bytes of memory that the kernel has given already, where the derivation's then come from.
// Argon2 reads each page before it writes to it: of a new one the kernel first maps its page of zeros, and then has to take that away
// from all cores, which takes longer than the derivation itself.
func warm(size int) {
	b := make([]byte, size)
	page := os.Getpagesize()
	_ = unix.Madvise(b[:size&^(page-1)], unix.MADV_HUGEPAGE) // advice: without, there are more pages to touch
	for i := 0; i < size; i += page {
		b[i] = 1
	}
	runtime.KeepAlive(b)
	runtime.GC()
}

// NewKeyring makes the keys of a new repository.
func NewKeyring(config []byte) *format.Keyring {
	k := &format.Keyring{Masters: []format.MasterKey{{Number: 1}}, Config: sha256.Sum256(config)}
	newKey(&k.Masters[0].Key)
	newKey(&k.IDKey)
	return k
}

func newKey(k *[32]byte) { rand.Read(k[:]) }

// Root gives the ring that seals keyrings: its only master key, number 0, is the root key. Without encryption the root
// key is zero and seals nothing.
func Root(repo format.UUID, encrypted bool, root [32]byte) *Ring {
	return NewRing(repo, encrypted, &format.Keyring{Masters: []format.MasterKey{{Key: root}}})
}
